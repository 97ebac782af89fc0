"""The programs that people use in their machines, on both address families, towards an Alkaid host and
towards a Linux kernel's VXLAN device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lab import Guest, Lab, two_hosts
from lab.frames import GATEWAYS, GATEWAYS_V6
from lab.kernel_host import KernelHost


@dataclass
class Scene:
    """A guest of ours in green and in red, and a green station elsewhere."""

    lab: Lab
    green: Guest
    red: Guest
    remote: Guest
    # Of what red hears from the remote station: the kernel answers without routing.
    routed_ttl: int


def _alkaid_peer() -> Iterator[Scene]:
    with two_hosts() as lab:
        lab.apply_examples()
        yield Scene(lab, lab.guests["green-1"], lab.guests["red-1"], lab.guests["green-2"], 63)


def _kernel_peer() -> Iterator[Scene]:
    lab = Lab()
    try:
        host = lab.add_host(1)
        lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11", address_v6="fd00:10:1::ff:fe00:111")
        lab.add_guest(host, "red-1", "02:00:00:00:02:11", "10.2.0.11", address_v6="fd00:10:2::11")
        kernel = KernelHost(lab)
        lab.start()
        lab.apply_examples()
        yield Scene(lab, lab.guests["green-1"], lab.guests["red-1"], kernel.guest, 64)
    finally:
        lab.close()


@pytest.fixture(scope="module", params=["alkaid", "kernel"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Guests with the addresses that udhcpc, SLAAC and dhclient -6 gave them."""
    for made in _alkaid_peer() if request.param == "alkaid" else _kernel_peer():
        for guest in made.lab.guests.values():
            guest.lease()
            guest.enable_ipv6(accept_advertisements=True)
            if guest.port.startswith("red"):
                guest.lease_v6()
            guest.wait_for_address_v6()
        yield made


def address_of(guest: Guest, family: int) -> str:
    """A guest's address of a family."""
    return guest.address if family == 4 else guest.address_v6


@pytest.mark.parametrize("family", [4, 6])
def test_ping(scene: Scene, family: int) -> None:
    """On one subnet and through the router; what the remote station starts, too."""
    remote = address_of(scene.remote, family)
    for guest, ttl in ((scene.green, 64), (scene.red, scene.routed_ttl)):
        result = guest.ping(remote)
        assert (result.received, result.ttl) == (3, ttl), result.output
    assert scene.remote.ping(address_of(scene.green, family)).received == 3


@pytest.mark.parametrize("family", [4, 6])
def test_traceroute_shows_the_gateway(scene: Scene, family: int) -> None:
    """One hop, the distributed router, then the destination."""
    gateway = GATEWAYS["red"][0] if family == 4 else GATEWAYS_V6["red"]
    output = scene.red.run(["traceroute", f"-{family}", "-n", "-q", "1", "-w", "1",
                            address_of(scene.remote, family)], timeout=60).stdout
    hops = re.findall(r"^\s*\d+\s+(\S+)", output, re.MULTILINE)
    assert hops == [gateway, address_of(scene.remote, family)], output


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("direction", [[], ["--reverse"]], ids=["out", "in"])
@pytest.mark.parametrize("protocol", [["--bitrate", "200M"], ["--udp", "--bitrate", "20M"]], ids=["tcp", "udp"])
def test_iperf3(scene: Scene, family: int, direction: list[str], protocol: list[str]) -> None:
    """TCP and UDP in both directions, through the router."""
    server = scene.remote.iperf3_server()
    report = scene.red.iperf3(address_of(scene.remote, family), *direction, *protocol, seconds=1)
    server.wait(10)
    end = report["end"]
    received = end["sum"] if "--udp" in protocol else end["sum_received"]
    assert received["bytes"] > 100_000
    if "--udp" in protocol:
        assert received["lost_packets"] <= received["packets"] / 20, received


@pytest.mark.parametrize("family", [4, 6])
def test_tracepath_finds_the_mtu(scene: Scene, family: int) -> None:
    """A guest that was told nothing of the encapsulation learns the room from ICMP."""
    guest, remote = scene.red, address_of(scene.remote, family)
    guest.run(["ip", "link", "set", "eth0", "mtu", "1500"])
    guest.run(["ip", f"-{family}", "route", "flush", "cache"])
    if family == 6:
        guest.namespace.set_kernel("net/ipv6/conf/eth0/mtu", 1500)
    try:
        output = guest.run(["tracepath", f"-{family}", "-n", remote], timeout=60).stdout
        assert "pmtu 1450" in output and f"{remote}" in output, output
        assert "reached" in output, output
    finally:
        guest.run(["ip", "link", "set", "eth0", "mtu", "1450"])


def test_smallest_ipv6_packets(scene: Scene) -> None:
    """1,280 bytes, which every IPv6 link carries, need no discovery."""
    result = scene.green.ping(scene.remote.address_v6, size=1280 - 48)
    assert result.received == 3, result.output


@pytest.mark.parametrize("target", ["gateway", "remote"])
def test_arping(scene: Scene, target: str) -> None:
    """Every request is answered, with the right MAC."""
    address, mac = GATEWAYS["green"] if target == "gateway" else (scene.remote.address, scene.remote.mac)
    output = scene.green.run(["arping", "-c", "3", "-W", "0.2", "-i", "eth0", address], timeout=20).stdout
    assert output.count(f"bytes from {mac}") == 3, output


@pytest.mark.parametrize("target", ["gateway", "remote"])
def test_ndisc6(scene: Scene, target: str) -> None:
    """The same for neighbor discovery."""
    address = GATEWAYS_V6["green"] if target == "gateway" else scene.remote.address_v6
    mac = GATEWAYS["green"][1] if target == "gateway" else scene.remote.mac
    output = scene.green.run(["ndisc6", "-1", "-r", "3", "-w", "1000", address, "eth0"], timeout=20).stdout
    assert mac in output.lower(), output
