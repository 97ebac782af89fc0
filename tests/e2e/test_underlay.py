"""Underlays other than one untagged IPv4 network: IPv6, several gateways, a VLAN, shared with the host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import Capture, GoalState, Guest, Lab, wait_until
from lab.capture import BAD_CHECKSUM
from lab.namespace import Namespace, add_veth
from lab.process import Process
from lab.programs import PYTHON, TOOLS, program

HOSTS_V6 = {"10.0.0.1": "2001:db8::1", "10.0.0.2": "2001:db8::2"}
UNTOUCHED_BY_HARDWARE = ["tx", "off", "tso", "off", "gso", "off", "tx-udp_tnl-segmentation", "off",
                         "tx-udp_tnl-csum-segmentation", "off"]


def add_green(lab: Lab, number: int) -> Guest:
    """The green guest of host N."""
    return lab.add_guest(lab.hosts[number], f"green-{number}", f"02:00:00:00:01:1{number}", f"10.1.0.1{number}")


def start(lab: Lab, addresses: dict[str, str]) -> None:
    """Starts everything, applies the examples with other addresses of hosts, leases the green guests' addresses."""
    lab.start()
    for number, host in lab.hosts.items():
        host.push(GoalState.example(number).with_hosts(addresses))
        host.wait_for_port(f"green-{number}")
        lab.guests[f"green-{number}"].lease()


def tcp_works(client: Guest, server: Guest) -> None:
    """TCP in both directions."""
    for direction in ([], ["--reverse"]):
        process = server.iperf3_server()
        report = client.iperf3(server.address, *direction, "--bitrate", "100M", seconds=1)
        process.wait(10)
        assert report["end"]["sum_received"]["bytes"] > 100_000, report["end"]


def require_well_formed(capture: Capture) -> None:
    """tshark finds nothing wrong, down to the inner checksums."""
    assert capture.count("vxlan") > 0
    assert capture.count("_ws.malformed") == 0
    assert capture.count(BAD_CHECKSUM) == 0


class KernelPeer:
    """A kernel VXLAN device in host 2's place: green-2's address is on it."""

    def __init__(self, lab: Lab, *, own: str, remote: str, vlan: int | None = None) -> None:
        self.namespace = namespace = lab.add_namespace("kernel-peer")
        if vlan is None:
            lab.connect_to_underlay(namespace, 2)
        else:
            # A switch whose port to the peer is an access port of the VLAN.
            access = lab.add_namespace("access-switch")
            lab.connect_to_underlay(access, 2)
            add_veth(namespace, "up0", access, "plain0")
            relay = Process("access switch", access, [PYTHON, TOOLS / "vlan_relay.py", "up0", "plain0", str(vlan)],
                            lab.directory / "relay.log")
            relay.wait_for_log("relaying")
        # See lab.KernelHost: the veth is no network card.
        namespace.run(["ethtool", "-K", "up0", *UNTOUCHED_BY_HARDWARE])
        if ":" in own:
            namespace.set_kernel("net/ipv6/conf/up0/disable_ipv6", 0)
        namespace.run(["ip", "addr", "add", own + ("/64" if ":" in own else "/24"), "dev", "up0",
                       *(["nodad"] if ":" in own else [])])
        self.guest = Guest("green-2", namespace, "02:00:00:00:01:12", "10.1.0.12", lab.directory)
        namespace.run(["ip", "link", "add", "vx1001", "address", self.guest.mac, "mtu", "1430", "type", "vxlan",
                       "id", "1001", "dstport", "4789", "local", own, "nolearning", "dev", "up0"])
        namespace.run(["ip", "addr", "add", "10.1.0.12/24", "dev", "vx1001"])
        namespace.run(["ip", "link", "set", "vx1001", "up"])
        namespace.run(["ip", "neigh", "replace", "10.1.0.11", "lladdr", "02:00:00:00:01:11", "dev", "vx1001",
                       "nud", "permanent"])
        namespace.run(["bridge", "fdb", "append", "02:00:00:00:01:11", "dev", "vx1001", "dst", remote])


# ------------------------------------------------------------ IPv6


@pytest.fixture(scope="module")
def ipv6() -> Iterator[Lab]:
    """Two hosts whose VTEPs are IPv6."""
    lab = Lab()
    try:
        for number in (1, 2):
            lab.add_host(number).underlay_options = ["--vtep", f"2001:db8::{number}/64"]
            add_green(lab, number)
        start(lab, HOSTS_V6)
        yield lab
    finally:
        lab.close()


def test_ipv6_ping(ipv6: Lab) -> None:
    """Up to the largest packet: 1,500 less 70."""
    for size in (56, 1402):
        with ipv6.capture() as underlay:
            result = ipv6.guests["green-1"].ping("10.1.0.12", size=size)
        assert (result.received, result.ttl) == (3, 64), result.output
        assert underlay.count("ipv6.dst == 2001:db8::2 && vxlan && icmp") == 3
        assert underlay.count("vxlan && udp.checksum == 0") == 0
        # The outer header's label, which comes first: inner IPv6 packets may have none.
        labels = {row[0].split(",")[0] for row in underlay.frames("vxlan", "ipv6.flow")}
        assert all(int(label, 16) != 0 for label in labels), labels
        require_well_formed(underlay)


def test_ipv6_mtu(ipv6: Lab) -> None:
    """Guests learn by DHCP what fits into the tunnels."""
    assert ipv6.guests["green-1"].lease()["mtu"] == "1430"


def test_ipv6_tcp(ipv6: Lab) -> None:
    """TCP between the hosts."""
    tcp_works(ipv6.guests["green-1"], ipv6.guests["green-2"])


def test_ipv6_next_hop_is_shown(ipv6: Lab) -> None:
    """Found by neighbor discovery."""
    underlay = ipv6.hosts[1].console.json("show", "underlay")
    assert underlay["uplink"][0]["vteps"] == ["2001:db8::1/64"]
    assert {(hop["address"], hop["state"]) for hop in underlay["next_hops"]} == {("2001:db8::2", "reachable")}
    assert underlay["tunnels"][0]["next_hops"] == ["2001:db8::2"]


@pytest.fixture(scope="module")
def ipv6_kernel() -> Iterator[tuple[Lab, KernelPeer]]:
    """The kernel as host 2, over IPv6 with its defaults: it computes UDP checksums and demands them."""
    lab = Lab()
    try:
        lab.add_host(1).underlay_options = ["--vtep", "2001:db8::1/64"]
        add_green(lab, 1)
        peer = KernelPeer(lab, own="2001:db8::2", remote="2001:db8::1")
        start(lab, HOSTS_V6)
        yield lab, peer
    finally:
        lab.close()


def test_ipv6_kernel_peer(ipv6_kernel: tuple[Lab, KernelPeer]) -> None:
    """Ping and TCP; the peer resolves us by neighbor discovery, we it."""
    lab, peer = ipv6_kernel
    with lab.capture() as underlay:
        result = lab.guests["green-1"].ping("10.1.0.12")
        assert (result.received, result.ttl) == (3, 64), result.output
        tcp_works(lab.guests["green-1"], peer.guest)
    require_well_formed(underlay)


# ------------------------------------------------------------ VLAN


@pytest.fixture(scope="module")
def vlan() -> Iterator[tuple[Lab, KernelPeer]]:
    """The underlay is VLAN 100 of the uplink; the kernel as host 2 is at an access port of it."""
    lab = Lab()
    try:
        lab.add_host(1).underlay_options += ["--uplink-vlan", "100"]
        add_green(lab, 1)
        peer = KernelPeer(lab, own="10.0.0.2", remote="10.0.0.1", vlan=100)
        start(lab, {})
        yield lab, peer
    finally:
        lab.close()


def test_vlan(vlan: tuple[Lab, KernelPeer]) -> None:
    """Every frame of ours carries the tag, ARP too; ping and TCP work."""
    lab, peer = vlan
    with lab.capture() as underlay:
        result = lab.guests["green-1"].ping("10.1.0.12", size=1402)
        assert (result.received, result.ttl) == (3, 64), result.output
        tcp_works(lab.guests["green-1"], peer.guest)
    mac = lab.uplink_mac(1)
    assert underlay.count(f"eth.src == {mac} && !(vlan.id == 100)") == 0
    require_well_formed(underlay)


def test_vlan_refuses_untagged(vlan: tuple[Lab, KernelPeer]) -> None:
    """A frame without the tag is a counted drop."""
    lab, _ = vlan
    console = lab.hosts[1].console
    before = console.drops()["underlay_vlan"]
    lab.send_from_wire(1, [bytes.fromhex("ffffffffffff" "020000000099" "0806") + bytes(28)])
    wait_until(lambda: console.drops()["underlay_vlan"] == before + 1, "the drop is counted")


# ------------------------------------------------------------ several gateways


@pytest.fixture(scope="module")
def routed() -> Iterator[tuple[Lab, dict[int, Namespace]]]:
    """Hosts in two networks, two routers between them."""
    lab = Lab()
    routers: dict[int, Namespace] = {}
    try:
        for number, vtep in ((1, "10.0.0.1"), (2, "10.0.9.2")):
            network = vtep.rsplit(".", 1)[0]
            lab.add_host(number).underlay_options = [
                "--vtep", f"{vtep}/24", "--underlay-gateway", f"{network}.251", "--underlay-gateway",
                f"{network}.252"]
            add_green(lab, number)
        for number in (1, 2):
            router = routers[number] = lab.add_namespace(f"router-{number}")
            lab.connect_to_underlay(router, 250 + number)
            for scope in ("all", "default", "up0"):
                router.set_kernel(f"net/ipv4/conf/{scope}/rp_filter", 0)
                router.set_kernel(f"net/ipv4/conf/{scope}/send_redirects", 0)
            for network in ("10.0.0", "10.0.9"):
                router.run(["ip", "addr", "add", f"{network}.{250 + number}/24", "dev", "up0"])
            router.set_kernel("net/ipv4/ip_forward", 1)
        start(lab, {"10.0.0.2": "10.0.9.2"})
        yield lab, routers
    finally:
        lab.close()


def gateways_of_flows(lab: Lab) -> list[str]:
    """The MAC of the router that each of 48 flows from host 1 takes."""
    with lab.capture() as underlay:
        lab.guests["green-1"].run(
            ["/usr/bin/python3", "-c",
             "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 30000));"
             "[s.sendto(b'x', ('10.1.0.12', port)) for port in range(20000, 20048)]"])
    mac = lab.uplink_mac(1)
    rows = underlay.frames(f"vxlan && eth.src == {mac} && udp.dstport >= 20000 && udp.dstport < 20048",
                           "eth.dst", "udp.dstport")
    by_flow = {ports.split(",")[1]: destinations.split(",")[0] for destinations, ports in rows}
    return [by_flow[port] for port in sorted(by_flow)]


def test_gateways_share_flows(routed: tuple[Lab, dict[int, Namespace]]) -> None:
    """Both carry some, the other host answers, and a flow stays where it is."""
    lab, _ = routed
    groups = lab.hosts[1].console.json("show", "underlay")["groups"]
    assert [member["slots"] for member in groups[0]["members"]] == [32, 32]
    assert lab.guests["green-1"].ping("10.1.0.12").received == 3
    chosen = gateways_of_flows(lab)
    assert len(chosen) == 48
    counts = sorted(chosen.count(mac) for mac in set(chosen))
    assert len(counts) == 2 and counts[0] > 10, counts
    assert gateways_of_flows(lab) == chosen
    tcp_works(lab.guests["green-1"], lab.guests["green-2"])


def test_a_dead_gateway_loses_its_flows(routed: tuple[Lab, dict[int, Namespace]]) -> None:
    """The other one takes them within the time of the probes; its own flows stay."""
    lab, routers = routed
    before = gateways_of_flows(lab)
    router = routers[1]
    mac = router.run(["cat", "/sys/class/net/up0/address"]).stdout.strip()
    console = lab.hosts[1].console

    def slots() -> list[int]:
        return [member["slots"] for member in console.json("show", "underlay")["groups"][0]["members"]]

    router.run(["ip", "link", "set", "up0", "down"])
    try:
        wait_until(lambda: slots() == [0, 64], "the dead gateway has no flows", timeout=10)
        after = gateways_of_flows(lab)
        assert mac in before and mac not in after
        assert all(new == old for old, new in zip(before, after) if old != mac)
        wait_until(lambda: lab.guests["green-1"].ping("10.1.0.12").received == 3, "pings pass again")
    finally:
        router.run(["ip", "link", "set", "up0", "up"])
    wait_until(lambda: slots() == [32, 32], "it is back", timeout=15)
    assert gateways_of_flows(lab) == before


# ------------------------------------------------------------ the host's own traffic

TAP = "host0"
RATE = 2000


def deafen(namespace: Namespace) -> None:
    """The kernel of a host whose uplink is a packet socket sees the frames, too: it shall not take them there."""
    namespace.run(["nft", "add", "table", "netdev", "uplink"])
    namespace.run(["nft", "add", "chain", "netdev", "uplink", "deaf",
                   "{ type filter hook ingress device up0 priority 0; policy drop; }"])


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Lab, Namespace]]:
    """Two hosts whose only address is on the exception TAP, and an operator's machine on the underlay."""
    lab = Lab()
    try:
        operator = lab.add_namespace("operator")
        lab.connect_to_underlay(operator, 100)
        operator.run(["ip", "addr", "add", "10.0.0.100/24", "dev", "up0"])
        for number in (1, 2):
            host = lab.add_host(number)
            host.underlay_options += ["--exception-tap", TAP, "--exception-rate", str(RATE)]
            deafen(host.namespace)
            add_green(lab, number)
        for host in lab.hosts.values():
            host.start_dataplane()
            # The kernel has the VTEP's own address: both need the answers to ARP.
            host.namespace.run(["ip", "addr", "add", f"10.0.0.{host.number}/24", "dev", TAP])
        for number, host in lab.hosts.items():
            host.start_agent()
            file = GoalState.example(number).write(lab.directory / f"shared-{number}.json")
            operator.run([program("alkaid-goalstate"), "push", file, "--agent", f"10.0.0.{number}:50001"])
            host.wait_for_port(f"green-{number}")
            lab.guests[f"green-{number}"].lease()
        yield lab, operator
    finally:
        lab.close()


def test_goal_states_come_by_the_uplink(shared: tuple[Lab, Namespace]) -> None:
    """Both hosts were programmed over their uplinks, and their guests talk over them."""
    lab, _ = shared
    for number, host in lab.hosts.items():
        assert host.namespace.run(["ip", "-4", "-o", "addr", "show", "dev", "up0"]).stdout == ""
        tap = next(port for port in host.console.ports().values() if port["kind"] == "exception")
        assert tap["state"] == "up" and tap["tx_packets"] > 10 and tap["rx_packets"] > 10
        assert tap["mac"] == lab.uplink_mac(number)
    result = lab.guests["green-1"].ping("10.1.0.12")
    assert result.received == 3, result.output
    tcp_works(lab.guests["green-1"], lab.guests["green-2"])


def test_the_host_is_an_ordinary_station(shared: tuple[Lab, Namespace]) -> None:
    """Pings from and to it, of any size; a transfer in both directions with checksums left open by the sender."""
    lab, operator = shared
    machine = Guest("operator", operator, "", "10.0.0.100", lab.directory)
    for size in (56, 1472):
        assert machine.ping("10.0.0.1", size=size).received == 3
    host = Guest("host-1", lab.hosts[1].namespace, "", "10.0.0.1", lab.directory)
    assert host.ping("10.0.0.100").received == 3
    assert host.ping("10.0.0.2").received == 3, "both hosts by their TAPs"
    tcp_works(machine, host)


def test_floods_of_the_host_are_limited(shared: tuple[Lab, Namespace]) -> None:
    """More than the rate is dropped and counted; guests' packets are not."""
    lab, operator = shared
    console = lab.hosts[1].console
    before = console.drops()["exception_rate_limited"]
    operator.run(["/usr/bin/python3", "-c",
                  "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                  "[s.sendto(b'x', ('10.0.0.1', 9)) for _ in range(20000)]"])
    wait_until(lambda: console.drops()["exception_rate_limited"] > before + 1000, "the flood is counted")
    assert lab.guests["green-1"].ping("10.1.0.12").received == 3


def test_the_uplink_comes_back(shared: tuple[Lab, Namespace]) -> None:
    """The TAP outlives its uplink and serves the next one, with that one's MAC."""
    lab, operator = shared
    host = lab.hosts[1]
    host.namespace.run(["nft", "delete", "table", "netdev", "uplink"])
    host.namespace.run(["ip", "link", "del", "up0"])
    wait_until(lambda: host.console.uplink()["state"] == "waiting", "the uplink is gone")
    lab.connect_to_underlay(host.namespace, 1)
    deafen(host.namespace)
    wait_until(lambda: host.console.uplink()["state"] == "up", "the uplink is back")
    machine = Guest("operator", operator, "", "10.0.0.100", lab.directory)
    operator.run(["ip", "neigh", "flush", "dev", "up0"])
    assert machine.reaches("10.0.0.1")
    mac = host.namespace.run(["cat", f"/sys/class/net/{TAP}/address"]).stdout.strip()
    assert mac == lab.uplink_mac(1)
