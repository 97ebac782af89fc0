"""send_frames.py DEVICE FILE [SECONDS]: sends frames (one a line, in hexadecimal digits) as they are, so far apart."""

import socket
import sys
import time

# Slow enough that no queue on the way overflows: every frame must be accounted for.
SECONDS_BETWEEN = 0.0005


def main() -> None:
    """Sends the file's frames."""
    device, file, *between = sys.argv[1:]
    pause = float(between[0]) if between else SECONDS_BETWEEN
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw, open(file, encoding="ascii") as lines:
        raw.bind((device, 0))
        for line in lines:
            raw.send(bytes.fromhex(line))
            time.sleep(pause)


main()
