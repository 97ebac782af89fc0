"""Malformed frames from a guest and from the wire: each is a drop with its reason, nothing else happens."""

from __future__ import annotations

from collections import Counter

import pytest
from lab import Lab, LabError, wait_until
from lab import frames as make

# The kernel refuses to send less than an Ethernet header; shorter frames are tried on ring devices
# by the pipeline tests.
LENGTHS = range(14, 151)
UPLINK = "uplink"  # of whatever name


@pytest.fixture(autouse=True)
def nothing_dies(leased: Lab):  # type: ignore[no-untyped-def]
    """After every case the same processes run and traffic flows."""
    processes = [process for host in leased.hosts.values() for process in (host.dataplane, host.agent)]
    yield
    for process in processes:
        process.require_running()
    assert leased.guests["green-1"].ping("10.1.0.12").received == 3


def count_drops(lab: Lab, host: int, port: str, frames: list[bytes]) -> Counter[str]:
    """Sends frames into a port and returns the drops there, which must be as many."""
    console = lab.hosts[host].console
    from_wire = port == UPLINK
    if from_wire:
        port = console.uplink()["id"]
    before = console.drops(port)
    if from_wire:
        lab.send_from_wire(host, frames)
    else:
        lab.guests[port].send_frames(frames)
    try:
        wait_until(lambda: (console.drops(port) - before).total() >= len(frames), "every frame is a counted drop",
                   timeout=30)
    except LabError:
        pass
    drops = console.drops(port) - before
    assert drops.total() == len(frames), f"{len(frames)} frames, {dict(drops)}"
    return drops


def expected(*reasons_and_counts: tuple[str, int]) -> Counter[str]:
    """Drops by reason; several entries of one reason add up."""
    counts: Counter[str] = Counter()
    for reason, count in reasons_and_counts:
        counts[reason] += count
    return counts


# ------------------------------------------------------------ from a guest


def test_truncated_at_every_length_from_a_guest(leased: Lab) -> None:
    """A valid packet cut after every byte."""
    frames = make.cut(bytes(make.green_udp(150)), LENGTHS)
    assert count_drops(leased, 1, "green-1", frames) == expected(
        ("ipv4_truncated", 20), ("ipv4_total_length", len(frames) - 20))


@pytest.mark.parametrize("ihl", range(5))
def test_short_header_length_from_a_guest(leased: Lab, ihl: int) -> None:
    """IHL below 5."""
    frame = make.with_header_length(bytes(make.green_echo()), ihl)
    assert count_drops(leased, 1, "green-1", [frame]) == {"ipv4_header_length": 1}


def test_long_header_length_from_a_guest(leased: Lab) -> None:
    """IHL beyond the packet."""
    frame = make.with_header_length(bytes(make.green_echo(0)), 15)
    assert count_drops(leased, 1, "green-1", [frame]) == {"ipv4_header_length": 1}


@pytest.mark.parametrize(("options", "reason"), [
    (b"\x35\x01\xff\xff", "dhcp_message_type"),  # option 53 = 255
    (b"\x35\x01\x00\xff", "dhcp_message_type"),
    (b"\xff", "dhcp_bootp"),  # no option 53
    (b"\x35\x01\x01\x0c\xc8abc", "dhcp_malformed"),  # host name of 200 bytes, 3 there
    (b"\x35", "dhcp_malformed"),  # no length
    (b"\x35\x01", "dhcp_malformed"),  # no value
    (b"\x35\x01\x01\x37\xff" + bytes(254), "dhcp_malformed"),  # one byte too few
])
def test_dhcp(leased: Lab, options: bytes, reason: str) -> None:
    """DHCP messages that no client sends."""
    assert count_drops(leased, 1, "green-1", [make.dhcp(options)]) == {reason: 1}


def test_dhcp_truncated(leased: Lab) -> None:
    """A DHCP message that ends before the cookie, with right lengths in IPv4 and UDP."""
    whole = make.dhcp(b"\x35\x01\x01\xff")
    frames = [make.resized(whole, length) for length in range(14 + 28, 14 + 28 + 240)]
    assert count_drops(leased, 1, "green-1", frames) == {"dhcp_malformed": len(frames)}


@pytest.mark.parametrize(("frame", "reason"), [
    (bytes(make.green_echo(version=5)), "ipv4_version"),
    (bytes(make.green_echo(chksum=1)), "ipv4_checksum"),
    (bytes(make.green_echo(len=19)), "ipv4_total_length"),
    (bytes.fromhex("020000000112020000000111") + b"\x12\x34" + bytes(46), "ethertype_unsupported"),
    (bytes.fromhex("020000000112010000000111") + bytes(make.green_echo())[12:], "source_mac_invalid"),
    (bytes.fromhex("020000000199020000000111") + bytes(make.green_echo())[12:], "destination_mac_unknown"),
])
def test_other_frames_from_a_guest(leased: Lab, frame: bytes, reason: str) -> None:
    """One fault each."""
    assert count_drops(leased, 1, "green-1", [frame]) == {reason: 1}


# ------------------------------------------------------------ from the wire


def test_cut_at_every_length_from_the_wire(leased: Lab) -> None:
    """A VXLAN packet cut after every byte: its outer IPv4 length is beyond the frame's end."""
    whole = make.vxlan(bytes(make.green_udp()), destination_mac=leased.uplink_mac(2))
    frames = make.cut(whole, LENGTHS)
    assert count_drops(leased, 2, UPLINK, frames) == {"underlay_ipv4_malformed": len(frames)}


def test_truncated_at_every_length_from_the_wire(leased: Lab) -> None:
    """A VXLAN packet of every length whose outer headers are right: what it carries is truncated."""
    frames = make.shrunk_vxlan(bytes(make.green_udp()), range(0, 151), destination_mac=leased.uplink_mac(2))
    # 42 to 63 bytes: inside the VXLAN header or the inner Ethernet header.
    assert count_drops(leased, 2, UPLINK, frames) == expected(
        ("vxlan_truncated", 22), ("ipv4_truncated", 20), ("ipv4_total_length", 67))


@pytest.mark.parametrize("flags", [0x00, 0x04, 0x80, 0xF7])
def test_wrong_vxlan_flags(leased: Lab, flags: int) -> None:
    """The I flag is not set: not a valid VNI (RFC 7348, section 5)."""
    frame = make.vxlan(bytes(make.green_echo()), destination_mac=leased.uplink_mac(2), flags=flags)
    assert count_drops(leased, 2, UPLINK, [frame]) == {"vxlan_flags": 1}


@pytest.mark.parametrize("vni", [0, 1, 1003, 0xFFFFFF])
def test_unknown_vni(leased: Lab, vni: int) -> None:
    """A VNI that no port here belongs to."""
    frame = make.vxlan(bytes(make.green_echo()), destination_mac=leased.uplink_mac(2), vni=vni)
    assert count_drops(leased, 2, UPLINK, [frame]) == {"vxlan_vni_unknown": 1}


@pytest.mark.parametrize("ihl", range(5))
def test_short_header_length_from_the_wire(leased: Lab, ihl: int) -> None:
    """IHL below 5, in the inner header and in the outer one."""
    inner = make.with_header_length(bytes(make.green_echo()), ihl)
    mac = leased.uplink_mac(2)
    outer = make.with_header_length(make.vxlan(bytes(make.green_echo()), destination_mac=mac), ihl)
    frames = [make.vxlan(inner, destination_mac=mac), outer]
    assert count_drops(leased, 2, UPLINK, frames) == {"ipv4_header_length": 1, "underlay_ipv4_malformed": 1}


def test_random_bytes(leased: Lab) -> None:
    """Noise behind a valid start, on both sides: whatever it is taken for, nothing dies."""
    generator = make.noise(seed=1)
    mac = leased.uplink_mac(2)
    leased.guests["green-1"].send_frames([make.noisy(bytes(make.green_udp()), generator) for _ in range(2000)])
    whole = make.vxlan(bytes(make.green_udp()), destination_mac=mac)
    leased.send_from_wire(2, [make.noisy(whole, generator) for _ in range(2000)])
