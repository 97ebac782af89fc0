"""Numbered UDP packets until SIGTERM; then what was sent or received is written to a file, as JSON.

usage: numbered_traffic.py send ADDRESS PORT RATE FLOWS FILE    the times at which packets were sent: number N is the Nth
       numbered_traffic.py receive ADDRESS PORT FILE            the numbers that were received, in order

Flows (source ports) take turns, packet by packet. Times are those of the machine's monotonic clock, which all namespaces share.
"""

import json
import signal
import socket
import struct
import sys
import time
from pathlib import Path

# Not in the socket module; Linux, asm-generic/socket.h.
SO_RCVBUFFORCE = 33

told_to_end = False


def on_signal(_number: int, _frame: object) -> None:
    """Ends the loops."""
    global told_to_end  # pylint: disable=global-statement
    told_to_end = True


def send(address: str, port: int, rate: float, flows: int) -> list[float]:
    """Sends on a fixed timetable: what comes late is sent at once."""
    times: list[float] = []
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(flows)]
    for sender in senders:
        sender.connect((address, port))
    started = time.monotonic()
    while not told_to_end:
        wait = started + len(times) / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        number = len(times)
        times.append(time.monotonic())
        try:
            senders[number % flows].send(struct.pack("!Q", number) + bytes(56))
        except OSError:
            pass  # an ICMP error for one before it; this one counts as lost
    return times


def receive(address: str, port: int) -> list[int]:
    """Takes what comes."""
    numbers: list[int] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        receiver.bind((address, port))
        receiver.settimeout(0.2)
        print("ready", flush=True)
        while not told_to_end:
            try:
                numbers.append(struct.unpack("!Q", receiver.recv(2048)[:8])[0])
            except TimeoutError:
                pass
    return numbers


def main() -> None:
    """See the module."""
    signal.signal(signal.SIGTERM, on_signal)
    kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    result: list[float] | list[int] = (
        send(address, port, float(sys.argv[4]), int(sys.argv[5])) if kind == "send" else receive(address, port))
    Path(sys.argv[-1]).write_text(json.dumps(result))


main()
