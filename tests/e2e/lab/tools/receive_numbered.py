"""receive_numbered.py ADDRESS PORT: counts numbered UDP packets until none has come for three seconds.

Prints "ready" when it listens and at the end one line of JSON.
"""

import json
import socket
import struct
import sys

QUIET_SECONDS = 3
FIRST_PACKET_SECONDS = 60
# Not in the socket module; Linux, asm-generic/socket.h.
SO_RCVBUFFORCE = 33


def main() -> None:
    """Counts packets, duplicates, and the highest number."""
    address, port = sys.argv[1], int(sys.argv[2])
    seen: set[int] = set()
    duplicates = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        # Beyond the system's limit: a busy machine that keeps this program waiting must not look
        # like a loss in the network.
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        receiver.bind((address, port))
        receiver.settimeout(FIRST_PACKET_SECONDS)
        print("ready", flush=True)
        try:
            while True:
                number = struct.unpack("!Q", receiver.recv(2048)[:8])[0]
                receiver.settimeout(QUIET_SECONDS)
                duplicates += number in seen
                seen.add(number)
        except TimeoutError:
            pass
    highest = max(seen, default=-1)
    missing = [number for number in range(highest + 1) if number not in seen]
    print(json.dumps({"received": len(seen), "duplicates": duplicates, "highest": highest,
                      "missing": missing[:100]}), flush=True)


main()
