"""Connects to an agent as nobody should, and holds on until the standard input ends.

usage: hostile_clients.py KIND COUNT SOURCE PORT [tls]

KIND is what every connection does:
  silent    nothing
  garbage   sends what is no HTTP/2
  idle      begins HTTP/2 and makes no call
  half      announces a message of 3 MiB on each of 10 streams and sends all of it but the last byte, as far as it may
  trickle   opens 10 streams on which a message comes, a byte at a time; over TLS if that is said

Says "holding CONNECTED" when it has tried COUNT times and has sent what it can, or has tried so for some seconds.
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import ssl
import struct
import sys
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
END_HEADERS = 4
STREAMS = 10
HALF_MESSAGE = 3 << 20
FRAME = 16384
# Then the attack is under way, though not all of it has been sent.
LONGEST_START = 4


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field without index and Huffman code (RFC 7541, 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


CALL = b"".join(literal(name, value) for name, value in (
    (b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"agent"),
    (b":path", b"/alcor.schema.GoalStateProvisioner/PushGoalStatesStream"),
    (b"te", b"trailers"), (b"content-type", b"application/grpc")))


def tls_context() -> ssl.SSLContext:
    """Trusts whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def connect(source: str, port: int, tls: ssl.SSLContext | None) -> socket.socket | None:
    """A connection, or nothing if the agent refuses it."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
        if tls is not None:
            connection = tls.wrap_socket(connection)
    except OSError:
        return None
    connection.settimeout(1)
    return connection


def open_streams(connection: socket.socket, announced: int) -> list[int]:
    """Streams with the head of a message of `announced` bytes."""
    streams = list(range(1, 2 * STREAMS, 2))
    for stream in streams:
        connection.sendall(frame(HEADERS, END_HEADERS, stream, CALL))
        connection.sendall(frame(DATA, 0, stream, struct.pack(">BI", 0, announced)))
    return streams


def main() -> None:
    """See the module."""
    kind, count, source, port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    tls = tls_context() if kind == "trickle" and sys.argv[5:] == ["tls"] else None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections: list[socket.socket] = []
    left: dict[tuple[socket.socket, int], int] = {}
    for _ in range(count):
        connection = connect(source, port, tls)
        if connection is None:
            continue
        connections.append(connection)
        with contextlib.suppress(OSError):
            if kind == "garbage":
                connection.sendall(b"\xff\x00garbage" * 100)
            elif kind != "silent":
                connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
            if kind in ("half", "trickle"):
                for stream in open_streams(connection, HALF_MESSAGE):
                    left[connection, stream] = HALF_MESSAGE - 1
    size = FRAME if kind == "half" else 1
    # What may be sent (RFC 9113, 6.9), of streams and of connections: who sends more is disconnected at once.
    windows = {(connection, stream): 65535 for connection in connections for stream in (0, *range(1, 2 * STREAMS, 2))}
    announced = False
    started = time.monotonic()
    while True:
        busy = False
        for (connection, stream), remaining in list(left.items()):
            some = min(size, remaining, windows[connection, stream] - 5, windows[connection, 0] - 5 * STREAMS)
            if some <= 0:
                continue
            try:
                connection.sendall(frame(DATA, 0, stream, b"x" * some))
                busy = busy or kind == "half"
            except OSError:
                del left[connection, stream]
                continue
            left[connection, stream] -= some
            windows[connection, stream] -= some
            windows[connection, 0] -= some
        if kind == "half":
            for connection in connections:
                with contextlib.suppress(OSError):
                    take_windows(connection, connection.recv(1 << 16, socket.MSG_DONTWAIT), windows)
        if not announced and (not busy or time.monotonic() > started + LONGEST_START):
            announced = True
            print(f"holding {len(connections)}", flush=True)
        if select.select([sys.stdin], [], [], 0 if busy else 0.2)[0]:
            return


def take_windows(connection: socket.socket, data: bytes, windows: dict[tuple[socket.socket, int], int]) -> None:
    """Notes what the agent allows; frames that are cut at the end of `data` are lost, which allows less."""
    while len(data) >= 9:
        length, kind, stream = int.from_bytes(data[:3], "big"), data[3], int.from_bytes(data[5:9], "big")
        if kind == WINDOW_UPDATE and len(data) >= 13 and (connection, stream) in windows:
            windows[connection, stream] += int.from_bytes(data[9:13], "big")
        data = data[9 + length:]


if __name__ == "__main__":
    main()
