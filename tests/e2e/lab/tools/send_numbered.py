"""send_numbered.py ADDRESS PORT RATE SECONDS: sends UDP packets numbered from 0; prints how many."""

import socket
import struct
import sys
import time


def main() -> None:
    """Sends on a fixed timetable: what comes late is sent at once, nothing is left out."""
    address, port, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    total = int(rate * seconds)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((address, port))
        started = time.monotonic()
        for number in range(total):
            wait = started + number / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            sender.send(struct.pack("!Q", number) + bytes(56))
    print(total, flush=True)


main()
