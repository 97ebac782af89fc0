"""TCP segments of bulk transfers, in order, with right checksums."""

from __future__ import annotations

import ipaddress
import random
import struct
from collections.abc import Iterable, Iterator

from .frames import Station, add_up, checksum, flow_ports, mac_bytes

_TCP = 20
_ACK = 0x10


def segment_frames(source: Station, destination: Station, mtu: int, flows: int, numbers: Iterable[int]) -> Iterator[bytes]:
    """Full segments by their numbers, which go over `flows` connections in turn.

    mtu: of a frame's IP packet.
    """
    is_ipv6 = ":" in source.ip
    ip_length = 40 if is_ipv6 else 20
    payload = random.Random(mtu).randbytes(mtu - ip_length - _TCP)
    payload_sum = add_up(payload + bytes(len(payload) % 2))
    ends = ipaddress.ip_address(source.ip).packed + ipaddress.ip_address(destination.ip).packed
    ethernet = mac_bytes(destination.mac) + mac_bytes(source.mac) + (b"\x86\xdd" if is_ipv6 else b"\x08\x00")
    pseudo = ends + struct.pack("!II", _TCP + len(payload), 6)
    for number in numbers:
        place, flow = divmod(number, flows)
        tcp = struct.pack("!HHIIBBHHH", *flow_ports(flow), 1 + place * len(payload) & 0xFFFFFFFF, 1, _TCP // 4 << 4, _ACK, 65535,
                          0, 0)
        total = add_up(pseudo + tcp) + payload_sum
        total = (total & 0xFFFF) + (total >> 16)
        tcp = tcp[:16] + struct.pack("!H", ~total & 0xFFFF) + tcp[18:]
        yield ethernet + _ip_header(ends, mtu, place) + tcp + payload


def _ip_header(ends: bytes, mtu: int, place: int) -> bytes:
    """Of a packet that may not be cut; of IPv4 its identification counts, as Linux has them."""
    if len(ends) == 32:
        return struct.pack("!IHBB", 0x60000000, mtu - 40, 6, 64) + ends
    header = struct.pack("!BBHHHBBH", 0x45, 0, mtu, place & 0xFFFF, 0x4000, 64, 6, 0) + ends
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:]
