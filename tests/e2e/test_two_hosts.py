"""Two tenants' machines on two hosts: addresses by DHCP, then everything they do through VXLAN."""

from __future__ import annotations

import pytest
from lab import GoalState, Lab, wait_until
from lab.capture import BAD_CHECKSUM
from lab.frames import DVR_MACS, GATEWAYS

GUESTS = ["green-1", "green-2", "red-1", "red-2"]


# ------------------------------------------------------------ addresses


@pytest.mark.parametrize("name", GUESTS)
def test_lease(lab: Lab, name: str) -> None:
    """udhcpc gets the port's address and everything that belongs to it."""
    guest = lab.guests[name]
    lease = guest.lease()
    gateway, _ = GATEWAYS[name.split("-", maxsplit=1)[0]]
    assert lease["ip"] == guest.address
    assert lease["subnet"] == "255.255.255.0"
    assert lease["router"] == gateway
    assert lease["serverid"] == gateway
    assert lease["dns"] == "192.0.2.53"
    # 1,500 of the underlay less 50 of the encapsulation.
    assert lease["mtu"] == "1450"
    assert lease["lease"] == "86400"


def test_first_discover_is_answered(lab: Lab) -> None:
    """One DISCOVER is enough."""
    assert lab.guests["green-1"].lease(attempts=1)["ip"] == "10.1.0.11"


# ------------------------------------------------------------ reaching each other


@pytest.mark.parametrize(("source", "destination", "hops"), [
    ("green-1", "green-2", 0),  # same subnet, across hosts
    ("red-2", "red-1", 0),
    ("green-1", "red-2", 1),  # routed, across hosts
    ("red-1", "green-2", 1),
    ("green-1", "red-1", 1),  # routed, on one host
    ("red-2", "green-2", 1),
])
def test_ping(leased: Lab, source: str, destination: str, hops: int) -> None:
    """Every packet arrives; a routed one has its TTL decreased once, a switched one not at all."""
    result = leased.guests[source].ping(leased.guests[destination].address)
    assert (result.sent, result.received) == (3, 3), result.output
    assert result.ttl == 64 - hops


@pytest.mark.parametrize("name", GUESTS)
def test_gateway_answers_echo(leased: Lab, name: str) -> None:
    """The distributed gateway answers on every host."""
    gateway, _ = GATEWAYS[name.split("-", maxsplit=1)[0]]
    result = leased.guests[name].ping(gateway)
    assert result.received == 3, result.output


@pytest.mark.parametrize("size", [0, 1, 1000, 1422])
def test_ping_sizes(leased: Lab, size: int) -> None:
    """Up to the largest packet that fits: 1,422 bytes of data, 8 of ICMP, 20 of IPv4."""
    result = leased.guests["green-1"].ping("10.2.0.12", size=size)
    assert result.received == 3, result.output


def test_unknown_address_is_a_counted_drop(leased: Lab) -> None:
    """Nobody has 10.1.0.99: no ARP answer, and the drop says so."""
    console = leased.hosts[1].console
    before = console.drops("green-1")
    assert leased.guests["green-1"].ping("10.1.0.99", count=1).received == 0
    assert (console.drops("green-1") - before)["arp_target_unknown"] >= 1


@pytest.mark.parametrize(("address", "mac"), [
    (GATEWAYS["green"][0], GATEWAYS["green"][1]),
    ("10.1.0.12", "02:00:00:00:01:12"),
])
def test_arp_is_answered(leased: Lab, address: str, mac: str) -> None:
    """The gateway's and a remote neighbor's ARP are answered here, by this host."""
    guest = leased.guests["green-1"]
    with leased.capture() as underlay:
        output = guest.run(["arping", "-c", "2", "-w", "3", "-i", "eth0", address], check=False).stdout
    assert mac in output and "2 packets received" in output, output
    assert underlay.count("vxlan && arp") == 0, "an ARP request went over the underlay"


# ------------------------------------------------------------ throughput


@pytest.mark.parametrize("destination", ["green-2", "red-2", "red-1"])
def test_tcp(leased: Lab, destination: str) -> None:
    """TCP in both directions with the guests' offloads as they come."""
    server, client = leased.guests[destination], leased.guests["green-1"]
    for direction in ([], ["--reverse"]):
        process = server.iperf3_server()
        report = client.iperf3(server.address, *direction)
        process.wait(10)
        assert report["end"]["sum_received"]["bytes"] > 100_000, report["end"]


def test_udp(leased: Lab) -> None:
    """UDP at a moderate rate arrives completely."""
    process = leased.guests["red-2"].iperf3_server()
    report = leased.guests["green-1"].iperf3("10.2.0.12", "--udp", "--bitrate", "2M", "--length", "1000")
    process.wait(10)
    assert report["end"]["sum"]["packets"] > 400
    assert report["end"]["sum"]["lost_packets"] == 0, report["end"]["sum"]


# ------------------------------------------------------------ the wire


def test_underlay_holds_what_the_counters_say(leased: Lab) -> None:
    """A capture of the underlay has exactly the packets that both uplinks counted, all well-formed."""
    green, red = leased.guests["green-1"], leased.guests["red-1"]
    # The other way round first: neither ARP nor anything else is left to resolve.
    assert green.ping("10.1.0.12").received == 3

    consoles = {number: host.console for number, host in leased.hosts.items()}

    def counters() -> dict[int, dict[str, object]]:
        return {number: console.uplink() for number, console in consoles.items()}

    for _ in range(5):
        before = counters()
        with leased.capture() as underlay:
            steady = counters() == before
            assert green.ping("10.1.0.12", count=10).received == 10
            assert red.ping("10.1.0.12", count=10).received == 10
            server = leased.guests["red-2"].iperf3_server()
            green.iperf3("10.2.0.12", "--bitrate", "50M", seconds=1)
            server.wait(10)
            after = counters()
        # A packet of somebody else's (ARP's refreshing, an IPv6 router's search) while the capture begins or ends is
        # in one of the two only: then once more.
        if steady and counters() == after:
            break
    else:
        pytest.fail("the underlay was never quiet")

    def grown(host: int, counter: str) -> int:
        return int(after[host][counter]) - int(before[host][counter])

    sent = {host: underlay.count(f"vxlan && eth.src == {leased.uplink_mac(host)}") for host in consoles}
    others = {host: underlay.count(f"!vxlan && eth.src == {leased.uplink_mac(host)}") for host in consoles}
    assert sent[1] >= 20 and sent[2] >= 20
    for host, peer in ((1, 2), (2, 1)):
        assert grown(host, "tx_packets") == sent[host] + others[host]
        assert grown(host, "rx_packets") == sent[peer] + others[peer]

    assert underlay.count("_ws.malformed") == 0
    assert underlay.count(BAD_CHECKSUM) == 0
    headers = {tuple(row) for row in underlay.frames("vxlan", "vxlan.flags", "vxlan.vni")}
    assert headers == {("0x0800", "1001"), ("0x0800", "1002")}


def test_source_port_has_entropy(leased: Lab) -> None:
    """Flows differ in the outer source port, packets of a flow don't (RFC 7348, section 5)."""
    receiver = leased.guests["green-2"]
    with leased.capture() as underlay:
        for port in range(20000, 20032):
            leased.guests["green-1"].run(
                ["/usr/bin/python3", "-c",
                 "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                 f"[s.sendto(b'x', ('{receiver.address}', {port})) for _ in range(2)]"])
    mac = leased.uplink_mac(1)
    rows = underlay.frames(f"vxlan && eth.src == {mac} && udp.dstport >= 20000 && udp.dstport < 20032",
                           "udp.srcport", "udp.dstport")
    # tshark lists the outer and the inner port, in this order.
    outer_by_flow: dict[str, set[str]] = {}
    for source, destination in rows:
        outer_by_flow.setdefault(destination, set()).add(source.split(",")[0])
    assert len(outer_by_flow) == 32
    assert all(len(ports) == 1 for ports in outer_by_flow.values())
    outer = {next(iter(ports)) for ports in outer_by_flow.values()}
    assert len(outer) > 16
    assert all(49152 <= int(port) <= 65535 for port in outer)


def test_routed_packets_carry_the_host_dvr_mac(leased: Lab) -> None:
    """On the wire a routed packet comes from the host's DVR MAC; at the guest from the gateway's."""
    mac = leased.uplink_mac(1)
    guest = leased.guests["red-2"]
    guest.run(["ip", "neigh", "flush", "dev", "eth0"])
    seen = guest.start(["tcpdump", "-n", "-e", "-l", "-i", "eth0", "-c", "1", "icmp[icmptype] == icmp-echo"], "tcpdump")
    seen.wait_for_log("listening on")
    with leased.capture() as underlay:
        assert leased.guests["green-1"].ping("10.2.0.12").received == 3
    rows = underlay.frames(f"vxlan && icmp.type == 8 && eth.src == {mac}", "eth.src", "eth.dst", "vxlan.vni")
    assert len(rows) == 3
    for sources, destinations, vni in rows:
        assert sources.split(",")[1] == DVR_MACS[1]
        assert destinations.split(",")[1] == guest.mac
        assert vni == "1002"
    seen.wait(5)
    assert GATEWAYS["red"][1] in seen.log


# ------------------------------------------------------------ a mismatch


def test_vni_mismatch_is_dropped_and_counted(leased: Lab) -> None:
    """Host 2 believes green to be another VNI: what host 1 sends is dropped there, by name."""
    host = leased.hosts[2]
    wrong = GoalState.example(2)
    for subnet in ("green", "green-v6"):
        wrong.configuration("subnet", subnet)["tunnel_id"] = 2001
    before = host.console.drops()["vxlan_vni_unknown"]
    try:
        host.push(wrong)
        assert leased.guests["green-1"].ping("10.1.0.12").received == 0
        # Exactly the three requests: nothing else carries VNI 1001 to host 2.
        assert host.console.drops()["vxlan_vni_unknown"] - before == 3
    finally:
        host.push(GoalState.example(2))
    wait_until(lambda: leased.guests["green-1"].ping("10.1.0.12", count=1).received, "green talks again")
