"""Frames, whole and broken, of the example's guests and hosts."""

from __future__ import annotations

import logging
import random
import struct

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

# pylint: disable=wrong-import-position
from scapy.layers.dhcp import BOOTP  # noqa: E402
from scapy.layers.inet import ICMP, IP, UDP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.packet import Packet, Raw  # noqa: E402

# Gateway address and MAC by subnet; host DVR MAC by host.
GATEWAYS = {"green": ("10.1.0.1", "02:00:00:00:01:01"), "red": ("10.2.0.1", "02:00:00:00:02:01")}
GATEWAYS_V6 = {"green": "fd00:10:1::1", "red": "fd00:10:2::1"}
DVR_MACS = {1: "fe:16:11:00:00:01", 2: "fe:16:11:00:00:02"}
VNIS = {"green": 1001, "red": 1002}

VXLAN_PORT = 4789
VXLAN_VALID = 0x08
_ETHERNET = 14
_DHCP_COOKIE = bytes.fromhex("63825363")


def green_echo(size: int = 100, **ip_fields: object) -> Packet:
    """An echo request from green-1 to green-2."""
    return (Ether(src="02:00:00:00:01:11", dst="02:00:00:00:01:12")
            / IP(src="10.1.0.11", dst="10.1.0.12", **ip_fields) / ICMP(id=7, seq=1) / Raw(bytes(size)))


def green_udp(size: int = 100) -> Packet:
    """A UDP packet from green-1 to green-2."""
    return (Ether(src="02:00:00:00:01:11", dst="02:00:00:00:01:12")
            / IP(src="10.1.0.11", dst="10.1.0.12") / UDP(sport=1000, dport=2000) / Raw(bytes(size)))


def vxlan(inner: bytes, *, destination_mac: str, vni: int = 1001, flags: int = VXLAN_VALID,
          source_mac: str = "02:00:00:00:00:fe") -> bytes:
    """An underlay frame from host 1's VTEP to host 2's around `inner`."""
    header = struct.pack("!B3xI", flags, vni << 8)
    return bytes(Ether(src=source_mac, dst=destination_mac) / IP(src="10.0.0.1", dst="10.0.0.2")
                 / UDP(sport=50000, dport=VXLAN_PORT, chksum=0) / Raw(header + inner))


def cut(frame: bytes, lengths: range) -> list[bytes]:
    """The frame's first N bytes for every N; nothing in it is adapted."""
    assert len(frame) >= lengths.stop
    return [frame[:length] for length in lengths]


def shrunk_vxlan(inner: bytes, lengths: range, *, destination_mac: str) -> list[bytes]:
    """Underlay frames of every length whose outer headers are right for that length.

    Lengths too short for Ethernet, IPv4 and UDP headers are left out.
    """
    whole = vxlan(inner, destination_mac=destination_mac)
    return [resized(whole, length) for length in lengths if length >= _ETHERNET + 20 + 8]


def with_header_length(frame: bytes, ihl: int) -> bytes:
    """The frame with another IHL in its IPv4 header; the header checksum fits the first 20 bytes."""
    changed = bytearray(frame)
    changed[_ETHERNET] = 0x40 | ihl
    changed[_ETHERNET + 10:_ETHERNET + 12] = b"\0\0"
    changed[_ETHERNET + 10:_ETHERNET + 12] = _checksum(bytes(changed[_ETHERNET:_ETHERNET + 20]))
    return bytes(changed)


def dhcp(options: bytes, *, mac: str = "02:00:00:00:01:11") -> bytes:
    """A DHCP message of a client with `options` (behind the cookie) as they are."""
    client = bytes.fromhex(mac.replace(":", ""))
    return bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255")
                 / UDP(sport=68, dport=67) / BOOTP(op=1, xid=0x1234, chaddr=client + bytes(10))
                 / Raw(_DHCP_COOKIE + options))


def _checksum(header: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def resized(frame: bytes, length: int) -> bytes:
    """An Ethernet, IPv4 and UDP frame cut to `length` bytes with the lengths in its headers adapted."""
    changed = bytearray(frame[:length])
    changed[16:18] = struct.pack("!H", length - _ETHERNET)
    changed[24:26] = b"\0\0"
    changed[24:26] = _checksum(bytes(changed[14:34]))
    changed[38:40] = struct.pack("!H", length - 34)
    changed[40:42] = b"\0\0"
    return bytes(changed)


def noise(seed: int) -> random.Random:
    """The same random numbers in every run."""
    return random.Random(seed)


def noisy(frame: bytes, generator: random.Random) -> bytes:
    """The frame with a few bytes behind the Ethernet header changed and, one time in four, its end cut.

    The outermost IPv4 checksum is made right, so that the fault is not found before it is looked for.
    """
    changed = bytearray(frame)
    for _ in range(generator.randint(1, 8)):
        changed[generator.randrange(_ETHERNET, len(changed))] = generator.randrange(256)
    changed[24:26] = b"\0\0"
    changed[24:26] = _checksum(bytes(changed[_ETHERNET:_ETHERNET + 20]))
    if generator.randrange(4) == 0:
        del changed[generator.randint(_ETHERNET, len(changed)):]
    return bytes(changed)
