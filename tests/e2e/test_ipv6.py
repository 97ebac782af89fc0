"""IPv6 of two tenants' machines on two hosts: neighbor discovery, routing, errors, path MTU."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from lab import Guest, Lab, wait_until
from lab.frames import GATEWAYS_V6
from lab.kernel_host import KernelHost

GUESTS = ["green-1", "green-2", "red-1", "red-2"]
OVERLAY_MTU = 1450


def set_mtu(guest: Guest, mtu: int) -> None:
    """A guest that was told the subnet's MTU, or one that wasn't. What it learnt about paths is forgotten."""
    guest.run(["ip", "link", "set", "eth0", "mtu", str(mtu)])
    guest.run(["ip", "-6", "route", "flush", "cache"])


def configure(guest: Guest) -> None:
    """A guest with a static address and the subnet's MTU."""
    guest.configure_v6(GATEWAYS_V6[guest.port.split("-", maxsplit=1)[0]])
    set_mtu(guest, OVERLAY_MTU)


@pytest.fixture(scope="module")
def dual(lab: Lab) -> Lab:
    """The lab with a static IPv6 address in every guest."""
    for guest in lab.guests.values():
        configure(guest)
    return lab


# ------------------------------------------------------------ reaching each other


@pytest.mark.parametrize(("source", "destination", "hops"), [
    ("green-1", "green-2", 0),  # same subnet, across hosts
    ("red-2", "red-1", 0),
    ("green-1", "red-2", 1),  # routed, across hosts
    ("red-1", "green-2", 1),
    ("green-1", "red-1", 1),  # routed, on one host
    ("red-2", "green-2", 1),
])
def test_ping(dual: Lab, source: str, destination: str, hops: int) -> None:
    """Every packet arrives; a routed one has its hop limit decreased once, a switched one not at all."""
    result = dual.guests[source].ping(dual.guests[destination].address_v6)
    assert (result.sent, result.received) == (3, 3), result.output
    assert result.ttl == 64 - hops


@pytest.mark.parametrize("size", [0, 1, 1232, 1402, 4000])
@pytest.mark.parametrize("destination", ["green-2", "red-2"])
def test_ping_sizes(dual: Lab, destination: str, size: int) -> None:
    """Up to the largest packet that fits (1,402 bytes of data, 8 of ICMPv6, 40 of IPv6), and fragments."""
    result = dual.guests["green-1"].ping(dual.guests[destination].address_v6, size=size)
    assert result.received == 3, result.output


@pytest.mark.parametrize("name", GUESTS)
@pytest.mark.parametrize("size", [56, 3000])
def test_gateway_answers_echo(dual: Lab, name: str, size: int) -> None:
    """The distributed gateway answers on every host, whatever the size."""
    result = dual.guests[name].ping(GATEWAYS_V6[name.split("-", maxsplit=1)[0]], size=size)
    assert result.received == 3, result.output


@pytest.mark.parametrize("address", [
    "fe80::ff:fe00:101",  # the gateway, 02:00:00:00:01:01
    "fe80::ff:fe00:112",  # green-2 on the other host
])
def test_link_local_addresses(dual: Lab, address: str) -> None:
    """Link-local addresses made of MACs are found though no goal state lists them."""
    result = dual.guests["green-1"].ping(f"{address}%eth0")
    assert result.received == 3, result.output


def test_solicitations_stay_on_the_host(dual: Lab) -> None:
    """A remote neighbor's address is answered here, by this host; and who asks for nobody is counted."""
    guest, console = dual.guests["green-1"], dual.hosts[1].console
    guest.run(["ip", "-6", "neigh", "flush", "dev", "eth0"])
    before = console.drops("green-1")
    with dual.capture() as underlay:
        assert guest.ping(dual.guests["green-2"].address_v6).received == 3
        assert guest.ping("fd00:10:1::99", count=1).received == 0
    assert underlay.count("vxlan && icmpv6.type == 128") == 3
    assert underlay.count(f"vxlan && icmpv6.type == 135 && eth.src == {dual.uplink_mac(1)}") == 0
    assert (console.drops("green-1") - before)["nd_target_unknown"] >= 1


@pytest.mark.parametrize("destination", ["green-2", "red-2", "red-1"])
def test_tcp(dual: Lab, destination: str) -> None:
    """TCP in both directions."""
    server, client = dual.guests[destination], dual.guests["green-1"]
    for direction in ([], ["--reverse"]):
        process = server.iperf3_server()
        report = client.iperf3(server.address_v6, *direction, seconds=1)
        process.wait(10)
        assert report["end"]["sum_received"]["bytes"] > 100_000, report["end"]


# ------------------------------------------------------------ what guests are told


def test_traceroute_shows_the_gateway(dual: Lab) -> None:
    """First the gateway of the own subnet, then the destination."""
    destination = dual.guests["red-2"].address_v6
    output = dual.guests["green-1"].run(
        ["traceroute", "-6", "-n", "-q", "1", "-w", "2", "-m", "4", destination], timeout=20).stdout
    hops = re.findall(r"^\s*\d+\s+([0-9a-f:]+)", output, re.MULTILINE)
    assert hops == [GATEWAYS_V6["green"], destination], output


def test_traceroute_to_the_gateway_ends(dual: Lab) -> None:
    """The gateway says that the port is closed, so that the probe knows that it has arrived."""
    output = dual.guests["green-1"].run(
        ["traceroute", "-6", "-n", "-q", "1", "-w", "2", "-m", "3", GATEWAYS_V6["green"]], timeout=20).stdout
    assert re.findall(r"^\s*\d+\s+(\S+)", output, re.MULTILINE) == [GATEWAYS_V6["green"]], output


@pytest.mark.parametrize("destination", ["green-2", "red-2"])
def test_tracepath_finds_the_mtu(dual: Lab, destination: str) -> None:
    """A guest that wasn't told the MTU learns it from packet too big."""
    guest = dual.guests["green-1"]
    set_mtu(guest, 1500)
    try:
        output = guest.run(["tracepath", "-6", "-n", "-m", "4", dual.guests[destination].address_v6],
                           timeout=30).stdout
    finally:
        set_mtu(guest, OVERLAY_MTU)
    assert f"pmtu {OVERLAY_MTU}" in output, output
    assert "reached" in output, output


def test_tcp_finds_the_mtu(dual: Lab) -> None:
    """TCP does the same, in both directions."""
    server, client = dual.guests["red-2"], dual.guests["green-1"]
    for guest in (server, client):
        set_mtu(guest, 1500)
    try:
        for direction in ([], ["--reverse"]):
            process = server.iperf3_server()
            report = client.iperf3(server.address_v6, *direction, seconds=1)
            process.wait(10)
            assert report["end"]["sum_received"]["bytes"] > 100_000, report["end"]
    finally:
        for guest in (server, client):
            set_mtu(guest, OVERLAY_MTU)


@pytest.mark.parametrize(("address", "answer"), [
    ("2001:db8:ffff::1", "No route"),
    ("fd00:10:2::99", "Address unreachable"),
])
def test_unreachable(dual: Lab, address: str, answer: str) -> None:
    """No route, and no neighbor."""
    result = dual.guests["green-1"].ping(address, count=1)
    assert result.received == 0
    assert f"From {GATEWAYS_V6['green']}" in result.output and answer in result.output, result.output


# ------------------------------------------------------------ duplicates


def address_flags(guest: Guest, address: str) -> dict[str, bool]:
    """What the kernel says about an address of eth0."""
    for link in json.loads(guest.run(["ip", "-json", "-6", "addr", "show", "dev", "eth0"]).stdout):
        for entry in link.get("addr_info", []):
            if entry["local"] == address:
                return {flag: bool(entry.get(flag)) for flag in ("tentative", "dadfailed")}
    return {}


@pytest.mark.parametrize(("address", "is_taken"), [
    ("fd00:10:1::ff:fe00:112", True),  # green-2's
    ("fd00:10:1::1", True),  # the gateway's
    ("fd00:10:1::77", False),
])
def test_duplicate_address_detection(dual: Lab, address: str, is_taken: bool) -> None:
    """The addresses of others are defended for them; free ones are free."""
    guest = dual.guests["green-1"]
    guest.run(["ip", "-6", "addr", "add", f"{address}/64", "dev", "eth0"])
    try:
        wait_until(lambda: address_flags(guest, address) ==
                   {"tentative": is_taken, "dadfailed": is_taken}, "the end of the detection", timeout=10)
    finally:
        guest.run(["ip", "-6", "addr", "del", f"{address}/64", "dev", "eth0"])


def test_own_address_is_no_duplicate(dual: Lab) -> None:
    """The guest's own address and its link-local one pass the detection."""
    guest = dual.guests["green-1"]
    guest.run(["ip", "-6", "addr", "del", f"{guest.address_v6}/64", "dev", "eth0"])
    guest.run(["ip", "-6", "addr", "add", f"{guest.address_v6}/64", "dev", "eth0"])
    guest.wait_for_address_v6()
    assert address_flags(guest, "fe80::ff:fe00:111") == {"tentative": False, "dadfailed": False}
    configure(guest)


def test_nothing_alarming_is_counted(dual: Lab) -> None:
    """A guest that comes up (duplicate detection, listener reports) causes no drops."""
    guest, console = dual.guests["red-1"], dual.hosts[1].console
    before = console.drops("red-1")
    guest.run(["ip", "link", "set", "eth0", "down"])
    guest.run(["ip", "link", "set", "eth0", "up"])
    configure(guest)
    assert guest.reaches(dual.guests["red-2"].address_v6)
    assert {reason: count for reason, count in (console.drops("red-1") - before).items() if count} == {}


# ------------------------------------------------------------ the kernel as a peer


@pytest.fixture(scope="module", params=[True, False], ids=["static", "learning"])
def peer(request: pytest.FixtureRequest) -> Iterator[tuple[Lab, KernelHost]]:
    """Our host 1 with green-1 and red-1; the kernel as host 2, which knows its neighbors or asks for them."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11", address_v6="fd00:10:1::ff:fe00:111")
        lab.add_guest(host, "red-1", "02:00:00:00:02:11", "10.2.0.11", address_v6="fd00:10:2::11")
        kernel = KernelHost(lab, static=request.param)
        lab.start()
        lab.apply_examples()
        for guest in lab.guests.values():
            configure(guest)
        yield lab, kernel
    finally:
        lab.close()


def test_ping_from_the_kernel(peer: tuple[Lab, KernelHost]) -> None:
    """The kernel starts: without static neighbors by a solicitation through the tunnel."""
    lab, kernel = peer
    with lab.capture() as underlay:
        result = kernel.guest.ping(lab.guests["green-1"].address_v6)
    assert (result.received, result.ttl) == (3, 64), result.output
    assert underlay.count("_ws.malformed") == 0
    solicited = underlay.count("vxlan && icmpv6.type == 135 && ip.src == 10.0.0.2")
    assert (solicited > 0) == (not kernel.static)


@pytest.mark.parametrize("name", ["green-1", "red-1"])
def test_ping_to_the_kernel(peer: tuple[Lab, KernelHost], name: str) -> None:
    """Switched, and routed to a peer that answers as a distributed router, which has static neighbors."""
    lab, kernel = peer
    if name == "red-1" and not kernel.static:
        pytest.skip("a distributed router asks for nobody")
    result = lab.guests[name].ping(kernel.guest.address_v6)
    assert (result.received, result.ttl) == (3, 64), result.output


def test_kernel_pings_the_gateway(peer: tuple[Lab, KernelHost]) -> None:
    """A peer that asks for the gateway is answered into its tunnel, and so are its pings."""
    _, kernel = peer
    if kernel.static:
        kernel.add_neighbor("vx1001", GATEWAYS_V6["green"], "02:00:00:00:01:01")
    result = kernel.guest.ping(GATEWAYS_V6["green"])
    assert result.received == 3, result.output
