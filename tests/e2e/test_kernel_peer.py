"""The remote host is the Linux kernel's VXLAN device: what we send it understands, and the reverse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import Capture, Lab
from lab.capture import BAD_CHECKSUM
from lab.frames import DVR_MACS, GATEWAYS
from lab.kernel_host import KernelHost


@pytest.fixture(scope="module")
def peer() -> Iterator[tuple[Lab, KernelHost]]:
    """Our host 1 with green-1 and red-1; the kernel as host 2."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11")
        lab.add_guest(host, "red-1", "02:00:00:00:02:11", "10.2.0.11")
        kernel = KernelHost(lab)
        lab.start()
        lab.apply_examples()
        for guest in lab.guests.values():
            guest.lease()
        yield lab, kernel
    finally:
        lab.close()


def require_well_formed(capture: Capture) -> None:
    """tshark finds nothing wrong, down to the inner checksums."""
    assert capture.count("vxlan") > 0
    assert capture.count("_ws.malformed") == 0
    assert capture.count(BAD_CHECKSUM) == 0


def test_ping_to_the_kernel(peer: tuple[Lab, KernelHost]) -> None:
    """We encapsulate, the kernel decapsulates, and the way back."""
    lab, _ = peer
    with lab.capture() as underlay:
        result = lab.guests["green-1"].ping("10.1.0.12")
    assert (result.received, result.ttl) == (3, 64), result.output
    assert underlay.count("vxlan && icmp") == 6
    require_well_formed(underlay)


def test_ping_from_the_kernel(peer: tuple[Lab, KernelHost]) -> None:
    """The kernel starts."""
    lab, kernel = peer
    with lab.capture() as underlay:
        result = kernel.guest.ping("10.1.0.11")
    assert (result.received, result.ttl) == (3, 64), result.output
    require_well_formed(underlay)


def test_routed_ping(peer: tuple[Lab, KernelHost]) -> None:
    """Routed by us on the way out; on the way in from a DVR MAC, which the guest must not see."""
    lab, kernel = peer
    guest = lab.guests["red-1"]
    seen = guest.start(["tcpdump", "-n", "-e", "-l", "-i", "eth0", "-c", "1", "icmp[icmptype] == icmp-echoreply"],
                       "tcpdump")
    seen.wait_for_log("listening on")
    with lab.capture() as underlay:
        result = guest.ping(kernel.guest.address)
    assert result.received == 3, result.output
    require_well_formed(underlay)
    seen.wait(5)
    assert GATEWAYS["red"][1] in seen.log and DVR_MACS[2] not in seen.log, seen.log
    # 64 less one for our router; the kernel answers itself and routes nothing.
    ours = underlay.frames("vxlan && icmp.type == 8", "ip.ttl")
    assert {row[0].split(",")[1] for row in ours} == {"63"}


@pytest.mark.parametrize("name", ["green-1", "red-1"])
@pytest.mark.parametrize("direction", [[], ["--reverse"]], ids=["to-kernel", "from-kernel"])
def test_tcp(peer: tuple[Lab, KernelHost], name: str, direction: list[str]) -> None:
    """TCP, so that checksums and segment sizes matter."""
    lab, kernel = peer
    server = kernel.guest.iperf3_server()
    with lab.capture() as underlay:
        report = lab.guests[name].iperf3(kernel.guest.address, *direction, "--bitrate", "200M", seconds=1)
    server.wait(10)
    assert report["end"]["sum_received"]["bytes"] > 100_000
    require_well_formed(underlay)
