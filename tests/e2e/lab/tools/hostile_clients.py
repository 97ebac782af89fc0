"""Connects to an agent as nobody should, and holds on until the standard input ends.

usage: hostile_clients.py KIND COUNT SOURCE PORT

KIND is what every connection does:
  silent    nothing
  garbage   sends what is no HTTP/2
  idle      begins HTTP/2 and makes no call
  trickle   opens 10 streams on which a message of 3 MiB comes, a byte at a time

Says "holding CONNECTED" when it has tried COUNT times.
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import struct
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_HEADERS = 4
STREAMS = 10
MESSAGE = 3 << 20


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


def connect(source: str, port: int) -> socket.socket | None:
    """A connection, or nothing if the agent refuses it."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
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
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections: list[socket.socket] = []
    left: dict[tuple[socket.socket, int], int] = {}
    for _ in range(count):
        connection = connect(source, port)
        if connection is None:
            continue
        connections.append(connection)
        with contextlib.suppress(OSError):
            if kind == "garbage":
                connection.sendall(b"\xff\x00garbage" * 100)
            elif kind != "silent":
                connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
            if kind == "trickle":
                for stream in open_streams(connection, MESSAGE):
                    left[connection, stream] = MESSAGE - 1
    print(f"holding {len(connections)}", flush=True)
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        for (connection, stream), remaining in list(left.items()):
            try:
                connection.sendall(frame(DATA, 0, stream, b"x"))
                left[connection, stream] = remaining - 1
            except OSError:
                del left[connection, stream]


if __name__ == "__main__":
    main()
