"""ask_in_vlans.py DEVICE FILE: the guests of many VLANs ask who their gateway is (ARP).

Each line of FILE: VLAN MAC ADDRESS GATEWAY. Prints, one a line, the VLANs in which the answer came to the one who
asked, as often as answers came.
"""

import ipaddress
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
AUXDATA = struct.Struct("@IIIHHHH")  # struct tpacket_auxdata
VLAN_VALID = 0x10
# So few that no queue on the way overflows.
AT_ONCE = 64
SECONDS_FOR_ANSWERS = 0.3
ROUNDS = 20  # for those without an answer


def question(vlan: int, mac: bytes, address: bytes, gateway: bytes) -> bytes:
    """An ARP request with a tag."""
    return (b"\xff" * 6 + mac + struct.pack("!HHH", 0x8100, vlan, 0x0806) + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
            + mac + address + bytes(6) + gateway + bytes(18))


def receive(raw: socket.socket) -> tuple[int, bytes, bytes] | None:
    """The next answer's VLAN, whom it is sent to, and who it says is the gateway."""
    frame, ancillary, _, _ = raw.recvmsg(2048, socket.CMSG_SPACE(AUXDATA.size))
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, control, _ = AUXDATA.unpack(data[:AUXDATA.size])
            if status & VLAN_VALID and frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x02":
                return control & 0xfff, frame[0:6], frame[28:32]
    return None


def main() -> None:
    """Asks until all are answered, or ROUNDS are over."""
    device, file = sys.argv[1:]
    unanswered = {}
    with open(file, encoding="ascii") as lines:
        for line in lines:
            vlan, mac, address, gateway = line.split()
            unanswered[int(vlan)] = (bytes.fromhex(mac.replace(":", "")), ipaddress.ip_address(address).packed,
                                     ipaddress.ip_address(gateway).packed)
    asked = dict(unanswered)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as raw:
        raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        raw.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        raw.bind((device, ETH_P_ALL))
        raw.settimeout(SECONDS_FOR_ANSWERS)
        for _ in range(ROUNDS):
            everyone = list(unanswered)
            for first in range(0, len(everyone), AT_ONCE):
                waiting = set(everyone[first:first + AT_ONCE])
                for vlan in waiting:
                    raw.send(question(vlan, *asked[vlan]))
                end = time.monotonic() + SECONDS_FOR_ANSWERS
                while waiting and time.monotonic() < end:
                    try:
                        answer = receive(raw)
                    except TimeoutError:
                        break
                    if answer is None:
                        continue
                    vlan, target, gateway = answer
                    if vlan not in asked or (target, gateway) != (asked[vlan][0], asked[vlan][2]):
                        sys.exit(f"VLAN {vlan} got an answer for {target.hex()} about {gateway.hex()}")
                    print(vlan)
                    waiting.discard(vlan)
                    unanswered.pop(vlan, None)


main()
