"""The demo's steps. Each shows something and returns in a line what it found, or raises."""

from __future__ import annotations

from collections.abc import Callable

from lab import GoalState, Guest, Host, Lab, PingResult, wait_until
from narrator import Narrator, require

PINGS = 3
WRONG_VNI = 2001


class Stage:
    """The lab and the narrator, and how a step uses both."""

    def __init__(self, lab: Lab, narrator: Narrator) -> None:
        self.lab = lab
        self.narrator = narrator

    def ping(self, source: str, destination: str, count: int = PINGS) -> PingResult:
        """Pings from a guest and shows it."""
        guest = self.lab.guests[source]
        address = self.lab.guests[destination].address
        self.narrator.command(source, ["ping", "-c", str(count), address])
        result = guest.ping(address, count)
        self.narrator.output(result.output)
        return result

    def require_ping_v6(self, source: str, destination: str) -> PingResult:
        """Pings over IPv6; every packet must be answered."""
        address = self.lab.guests[destination].address_v6
        self.narrator.command(source, ["ping", "-c", str(PINGS), address])
        result = self.lab.guests[source].ping(address, PINGS)
        self.narrator.output(result.output)
        require(result.received == PINGS, f"{source} got {result.received} of {PINGS} answers from {destination}")
        return result

    def require_ping(self, source: str, destination: str) -> PingResult:
        """Pings; every packet must be answered."""
        result = self.ping(source, destination)
        require(result.received == PINGS, f"{source} got {result.received} of {PINGS} answers from {destination}")
        return result

    def show(self, host: Host, *words: str) -> None:
        """A command of the console, for people."""
        self.narrator.command(f"host {host.number}", ["alkaid-console", *words])
        self.narrator.output(host.console.text(*words))

    def push(self, host: Host, goal_state: GoalState, file: str) -> None:
        """Pushes a goal state and shows what the agent replied."""
        self.narrator.command(f"host {host.number}", ["alkaid-goalstate", "push", file, "--agent", "127.0.0.1"])
        self.narrator.output(host.push(goal_state))


def addresses(stage: Stage) -> str:
    """Addresses by DHCP"""
    stage.narrator.explain("Each guest asks for an address with udhcpc. Nobody on the network runs a DHCP server: the "
                           "data plane of the guest's own host answers, with what the goal state says.")
    for name, guest in stage.lab.guests.items():
        stage.narrator.command(name, ["udhcpc", "-i", "eth0", "-n", "-q"])
        lease = guest.lease()
        stage.narrator.output(f"address {lease['ip']}/{lease['mask']}, router {lease['router']}, dns {lease['dns']}, "
                              f"mtu {lease['mtu']}, lease {lease['lease']} s, from {lease['serverid']}")
        require(lease["ip"] == guest.address, f"{name} got {lease['ip']}, not {guest.address}")
    return f"{len(stage.lab.guests)} guests have the addresses of their goal state"


def same_subnet(stage: Stage) -> str:
    """Ping on one subnet, across hosts"""
    stage.narrator.explain("green-1 and green-2 share a subnet but not a host. Host 1 puts the packet into VXLAN with "
                           "green's VNI 1001 and sends it to host 2's address on the underlay.")
    stage.require_ping("green-1", "green-2")
    return f"{PINGS} of {PINGS} answers"


def between_subnets(stage: Stage) -> str:
    """Ping between subnets"""
    stage.narrator.explain("green and red are joined by a router that is nowhere and everywhere: each host routes what "
                           "its own guests send. First across hosts, then on one host.")
    stage.require_ping("green-1", "red-2")
    stage.require_ping("green-1", "red-1")
    return f"{PINGS} of {PINGS} answers across hosts and on one host"


def time_to_live(stage: Stage) -> str:
    """The TTL tells who routed"""
    stage.narrator.explain("Linux sends with TTL 64. On one subnet it arrives so; through the router it is one less, and "
                           "only one, although two hosts took part.")
    switched = stage.require_ping("red-2", "red-1")
    routed = stage.require_ping("red-2", "green-1")
    require(switched.ttl == 64, f"TTL {switched.ttl} on one subnet, not 64")
    require(routed.ttl == 63, f"TTL {routed.ttl} through the router, not 63")
    return f"TTL {switched.ttl} on one subnet, {routed.ttl} through the router"


def addresses_v6(stage: Stage) -> str:
    """IPv6 addresses, advertised and leased"""
    stage.narrator.explain("Green's IPv6 subnet lets guests form their own addresses from router advertisements, red's "
                           "hands them out by DHCPv6. Both are answered by the data plane of the guest's host.")
    for name, guest in stage.lab.guests.items():
        guest.enable_ipv6(accept_advertisements=True)
        if name.startswith("red"):
            stage.narrator.command(name, ["dhclient", "-6", "eth0"])
            lease = guest.lease_v6()
            stage.narrator.output(f"address {lease['ip']}, dns {lease['dns']}")
        guest.wait_for_address_v6()
        stage.narrator.command(name, ["ip", "-6", "addr", "show", "dev", "eth0"])
        stage.narrator.output(guest.run(["ip", "-br", "-6", "addr", "show", "dev", "eth0"]).stdout)
    return f"{len(stage.lab.guests)} guests have the IPv6 addresses of their goal state"


def ping_v6(stage: Stage) -> str:
    """IPv6: on one subnet and through the router"""
    stage.narrator.explain("The same network over IPv6: neighbors are answered for, packets are switched and routed "
                           "across hosts, and the hop limit tells who routed.")
    switched = stage.require_ping_v6("green-1", "green-2")
    routed = stage.require_ping_v6("red-1", "green-2")
    require(switched.ttl == 64, f"hop limit {switched.ttl} on one subnet, not 64")
    require(routed.ttl == 63, f"hop limit {routed.ttl} through the router, not 63")
    return f"hop limit {switched.ttl} on one subnet, {routed.ttl} through the router"


def throughput(stage: Stage) -> str:
    """TCP across hosts"""
    stage.narrator.explain("iperf3 for two seconds. The guests use the offloads that the kernel gives them: nobody "
                           "switched checksums off.")
    client, server = stage.lab.guests["green-1"], stage.lab.guests["red-2"]
    process = server.iperf3_server()
    stage.narrator.command("green-1", ["iperf3", "-c", server.address, "-t", "2"])
    received = client.iperf3(server.address)["end"]["sum_received"]
    process.wait(10)
    rate = received["bits_per_second"] / 1e6
    stage.narrator.output(f"received {received['bytes'] / 1e6:.1f} MB in {received['seconds']:.1f} s: {rate:.0f} Mbit/s")
    require(received["bytes"] > 100_000, f"only {received['bytes']} bytes arrived")
    return f"{rate:.0f} Mbit/s from green-1 to red-2"


def counters(stage: Stage) -> str:
    """Counters, from the console"""
    stage.narrator.explain("The console asks the running data plane. Nothing stops for it.")
    host = stage.lab.hosts[1]
    before = host.console.ports()["green-1"]
    stage.require_ping("green-1", "green-2")
    stage.show(host, "show", "port")
    stage.show(host, "show", "worker")
    stage.show(host, "show", "dhcp")
    after = host.console.ports()["green-1"]
    grown = int(after["rx_packets"]) - int(before["rx_packets"])
    require(grown >= PINGS, f"green-1 sent {PINGS} echo requests, its port counted {grown} packets")
    return f"port green-1 counted {grown} packets for {PINGS} echo requests"


def underlay(stage: Stage) -> str:
    """The wire holds what the counters say"""
    stage.narrator.explain("tcpdump listens between the hosts while guests ping. Every VXLAN packet on the wire must "
                           "be in the counters of both uplinks, and the other way round; tshark must find no fault.")
    lab = stage.lab
    with lab.capture() as wire:
        before = {number: host.console.uplink() for number, host in lab.hosts.items()}
        stage.require_ping("green-1", "green-2")
        stage.require_ping("red-1", "green-2")
        after = {number: host.console.uplink() for number, host in lab.hosts.items()}
    stage.narrator.command("underlay", ["tshark", "-r", wire.file.name, "-Y", "vxlan && icmp", "-T", "fields", "..."])
    for number, vni, sources, destinations in wire.frames("vxlan && icmp", "frame.number", "vxlan.vni", "ip.src",
                                                          "ip.dst")[:4]:
        (outer_source, source), (outer_destination, destination) = sources.split(","), destinations.split(",")
        stage.narrator.output(f"frame {number}: {outer_source} > {outer_destination} VXLAN, VNI {vni}, "
                              f"in it {source} > {destination} ICMP")
    total = 0
    for number, peer in ((1, 2), (2, 1)):
        mac = lab.uplink_mac(number)
        seen = wire.count(f"vxlan && eth.src == {mac}")
        others = wire.count(f"!vxlan && eth.src == {mac}")
        sent = int(after[number]["tx_packets"]) - int(before[number]["tx_packets"])
        received = int(after[peer]["rx_packets"]) - int(before[peer]["rx_packets"])
        stage.narrator.output(f"host {number} sent {sent}, host {peer} received {received}; "
                              f"on the wire {seen} VXLAN packets and {others} others (ARP)")
        require(seen >= 2 * PINGS, f"only {seen} VXLAN packets from host {number} on the wire")
        require(sent == seen + others == received, f"counters and wire differ for what host {number} sent")
        total += seen
    malformed = wire.count("_ws.malformed")
    require(malformed == 0, f"tshark calls {malformed} packets malformed")
    return f"{total} VXLAN packets on the wire and in the counters, none malformed"


def vni_mismatch(stage: Stage) -> str:
    """A VNI mismatch is dropped, and says so"""
    stage.narrator.explain(f"Host 2 is told, wrongly, that green is VNI {WRONG_VNI}. What host 1 sends with VNI 1001 "
                           "belongs to nobody there any more: it is dropped, counted under its reason, and "
                           "delivered to no other tenant. Then host 2 is told the truth again.")
    host = stage.lab.hosts[2]
    wrong = GoalState.example(2)
    for subnet in ("green", "green-v6"):
        wrong.configuration("subnet", subnet)["tunnel_id"] = WRONG_VNI
    before = host.console.drops()["vxlan_vni_unknown"]
    stage.push(host, wrong, "host-2-with-a-wrong-vni.json")
    lost = stage.ping("green-1", "green-2")
    stage.show(host, "show", "drops")
    dropped = host.console.drops()["vxlan_vni_unknown"] - before
    stage.push(host, GoalState.example(2), "host-2.json")
    green: Guest = stage.lab.guests["green-1"]
    wait_until(lambda: green.ping("10.1.0.12", 1).received == 1, "green-1 reaches green-2 again")
    require(lost.received == 0, f"{lost.received} answers in spite of the mismatch")
    require(dropped == PINGS, f"{PINGS} packets sent, {dropped} counted as vxlan_vni_unknown")
    return f"{dropped} of {PINGS} packets dropped as vxlan_vni_unknown, then all is well again"


STEPS: list[Callable[[Stage], str]] = [addresses, same_subnet, between_subnets, time_to_live, throughput, counters,
                                       underlay, vni_mismatch, addresses_v6, ping_v6]
