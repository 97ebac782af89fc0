"""A switch with one tagged and one plain port, where the kernel has no VLANs: vlan_relay.py TAGGED PLAIN ID.

Frames of the VLAN go from the tagged port to the plain one without their tag, and the other way with it; all
others are dropped. Runs until it is ended.
"""

import selectors
import socket
import struct
import sys

SOL_PACKET = 263
PACKET_AUXDATA = 8
TP_STATUS_VLAN_VALID = 1 << 4
ETH_P_ALL = 3


def main() -> None:
    """Relays."""
    tagged_name, plain_name, vlan = sys.argv[1], sys.argv[2], int(sys.argv[3])
    ports = {}
    for name in (tagged_name, plain_name):
        ports[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        ports[name].setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        ports[name].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        ports[name].bind((name, 0))
    selector = selectors.DefaultSelector()
    for name, port in ports.items():
        selector.register(port, selectors.EVENT_READ, name)
    print("relaying", flush=True)
    while True:
        for key, _ in selector.select():
            frame, ancillary, _, address = ports[key.data].recvmsg(65536, 256)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            if key.data == plain_name:
                tag = struct.pack("!HH", 0x8100, vlan)
                ports[tagged_name].send(frame[:12] + tag + frame[12:])
                continue
            for level, kind, data in ancillary:
                if level == SOL_PACKET and kind == PACKET_AUXDATA:
                    status, _, _, _, _, control = struct.unpack_from("=IIIHHH", data)
                    if status & TP_STATUS_VLAN_VALID and control & 0xFFF == vlan:
                        ports[plain_name].send(frame)


if __name__ == "__main__":
    main()
