"""Sends bytes over one TCP connection: a part at once, another one after SIGUSR1.

usage: send_in_two_parts.py ADDRESS PORT BYTES    says "acknowledged" when the first part is, "sum MD5" of both at the end
"""

import fcntl
import hashlib
import random
import signal
import socket
import struct
import sys
import time

# Bytes that are not acknowledged yet; Linux, linux/sockios.h.
SIOCOUTQ = 0x5411


def main() -> None:
    """See the module."""
    address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # Blocked, not handled: it may come before it is waited for.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    parts = random.Random(1).randbytes(size), random.Random(2).randbytes(size)
    with socket.create_connection((address, port)) as connection:
        connection.sendall(parts[0])
        while struct.unpack("i", fcntl.ioctl(connection, SIOCOUTQ, bytes(4)))[0] > 0:
            time.sleep(0.01)
        print("acknowledged", flush=True)
        signal.sigwait([signal.SIGUSR1])
        connection.sendall(parts[1])
    print("sum", hashlib.md5(parts[0] + parts[1]).hexdigest(), flush=True)


main()
