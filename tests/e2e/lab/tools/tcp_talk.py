"""tcp_talk.py listen PORT | tcp_talk.py call ADDRESS PORT: both ends of a connection send a byte every 20 ms.

Prints "received BYTES retransmitted SEGMENTS" ten times a second: how far it got, and how often something had
to be sent again. A connection that stays silent is not given up: that is for who reads this to judge.
"""

import socket
import struct
import sys
import threading
import time

PERIOD = 0.02
RETRANSMITS_AT = 100  # tcpi_total_retrans in struct tcp_info


def retransmitted(connection: socket.socket) -> int:
    """Segments that this end sent more than once."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, RETRANSMITS_AT + 4)
    return struct.unpack_from("I", info, RETRANSMITS_AT)[0]


def talk(connection: socket.socket) -> None:
    """Sends and receives until the other end is gone."""
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received, rounds = 0, 0
    while True:
        try:
            connection.send(b".")
        except BlockingIOError:
            pass
        try:
            got = connection.recv(4096)
            if not got:
                return
            received += len(got)
        except BlockingIOError:
            pass
        rounds += 1
        if rounds % 5 == 0:
            print(f"received {received} retransmitted {retransmitted(connection)}", flush=True)
        time.sleep(PERIOD)


def serve(connection: socket.socket) -> None:
    """One caller; its going away is no concern."""
    try:
        talk(connection)
    except OSError as error:
        print(error, flush=True)


def main() -> None:
    """Listens for any number of callers, or calls."""
    if sys.argv[1] == "call":
        with socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=5) as connection:
            talk(connection)
        return
    with socket.create_server(("", int(sys.argv[2]))) as server:
        print("listening", flush=True)
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()


main()
