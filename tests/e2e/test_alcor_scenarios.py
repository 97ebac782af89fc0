"""Alcor's three L3 workflows between real guests, their messages in every order.

P1 is in GREEN on host 1, P2 in RED on host 2. A: both subnets are on a router from the start. B: the
ports come first, the router later. C: a routing rule is added to GREEN; its next hop is P3, a guest in
GREEN on host 2 that forwards.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from lab import GoalState, Guest, Lab, LabError, wait_until

GATEWAYS = {"green": "10.1.0.1", "red": "10.2.0.1"}
BEHIND = "192.0.2.5"  # a machine behind P3
NEAR = "192.0.2.0/24"
WIDE = "192.0.0.0/16"

State = tuple[str, str, str, dict[str, Any]]  # kind, key, operation, configuration


@dataclass(frozen=True)
class Station:
    """A port as its own host and as the others see it."""

    name: str
    subnet: str
    mac: str
    address: str
    host: int
    pairs: tuple[str, ...] = ()

    def port(self) -> State:
        """The port and how its guest attaches."""
        return ("port", self.name, "CREATE", {
            "id": self.name, "update_type": "FULL", "vpc_id": "vpc", "device_id": self.name,
            "device_owner": "compute:nova", "mac_address": self.mac, "admin_state_up": True,
            "fixed_ips": [{"subnet_id": self.subnet, "ip_address": self.address}],
            "allow_address_pairs": [{"ip_address": pair} for pair in self.pairs]})

    def dhcp(self) -> State:
        """Its lease."""
        return ("dhcp", self.name, "CREATE", {
            "id": self.name, "update_type": "FULL", "subnet_id": self.subnet, "mac_address": self.mac,
            "ipv4_address": self.address})

    def neighbor(self, kind: str = "L3") -> State:
        """The station as a neighbor."""
        return ("neighbor", f"{kind}/{self.name}", "CREATE", {
            "id": self.name, "update_type": "DELTA", "vpc_id": "vpc", "mac_address": self.mac,
            "host_ip_address": f"10.0.0.{self.host}",
            "fixed_ips": [{"neighbor_type": kind, "subnet_id": self.subnet, "ip_address": self.address}]})


P1 = Station("p1", "green", "02:00:00:00:01:11", "10.1.0.11", 1)
P2 = Station("p2", "red", "02:00:00:00:02:12", "10.2.0.12", 2)
P3 = Station("p3", "green", "02:00:00:00:01:13", "10.1.0.13", 2, pairs=(NEAR,))


def subnet(name: str, vni: int = 0, vpc: str = "vpc") -> State:
    """GREEN or RED."""
    number = 1 if name.startswith("green") else 2
    return ("subnet", name, "INFO", {
        "id": name, "vpc_id": vpc, "cidr": f"10.{number}.0.0/24", "tunnel_id": vni or 1000 + number,
        "dhcp_enable": True,
        "gateway": {"ip_address": f"10.{number}.0.1", "mac_address": f"02:00:00:00:0{number}:01"}})


def router(host: int, *rules: dict[str, Any], update: str = "DELTA") -> State:
    """The router with the host's DVR MAC, and rules for GREEN."""
    return ("router", "router", "INFO", {
        "id": "router", "update_type": update, "host_dvr_mac_address": f"fe:16:11:00:00:0{host}",
        "subnet_routing_tables": [{"subnet_id": "green", "routing_rules": list(rules)}, {"subnet_id": "red"}]})


def rule(name: str, destination: str, next_hop: str, **more: Any) -> dict[str, Any]:
    """A routing rule."""
    return {"operation_type": "CREATE", "id": name, "destination": destination, "next_hop_ip": next_hop, **more}


def message(*states: State) -> GoalState:
    """A message for one host."""
    made = GoalState({})
    for kind, key, operation, configuration in states:
        made.add(kind, key, configuration, operation)
    return made


BOTH = (subnet("green"), subnet("red"))
# What a host is sent first and, when the other side exists, then.
FIRST = {1: message(P1.port(), P1.dhcp(), subnet("green")), 2: message(P2.port(), P2.dhcp(), subnet("red"))}
CONNECT = {1: message(P2.neighbor(), router(1), *BOTH), 2: message(P1.neighbor(), router(2), *BOTH)}

SCENARIO_A = [
    (1, FIRST[1]),
    (2, message(P2.port(), P2.dhcp(), P1.neighbor(), router(2), *BOTH)),
    (1, CONNECT[1]),
]
SCENARIO_B = [(1, FIRST[1]), (2, FIRST[2]), (1, CONNECT[1]), (2, CONNECT[2])]
# GREEN's ports are on both hosts: both are told of the rule.
TO_P3 = rule("to-p3", NEAR, P3.address)
SCENARIO_C = [
    (1, message(P1.port(), P1.dhcp(), P3.neighbor("L2"), P2.neighbor(), subnet("green"))),
    (2, message(P2.port(), P3.port(), P1.neighbor(), router(2), *BOTH)),
    (1, message(router(1, TO_P3), *BOTH)),
    (2, message(router(2, TO_P3), *BOTH)),
]


def everything_deleted() -> GoalState:
    """Deletes all that any scenario creates."""
    states = [P1.port(), P2.port(), P3.port(), P1.dhcp(), P2.dhcp(), P1.neighbor(), P2.neighbor(),
              P3.neighbor("L2"), router(1), *BOTH]
    return message(*((kind, key, "DELETE", configuration) for kind, key, _, configuration in states))


@pytest.fixture(scope="module", name="scene")
def make_scene() -> Iterator[Lab]:
    """Two hosts that know nothing yet, P1, P2 and P3 with addresses, and a machine behind P3."""
    lab = Lab()
    try:
        for number in (1, 2):
            lab.add_host(number)
        for station in (P1, P2, P3):
            guest = lab.add_guest(lab.hosts[station.host], station.name, station.mac, station.address)
            guest.configure(GATEWAYS[station.subnet])
        add_machine_behind(lab, lab.guests["p3"])
        lab.start()
        yield lab
    finally:
        lab.close()


def add_machine_behind(lab: Lab, appliance: Guest) -> None:
    """A machine whose only way out is the guest, which forwards."""
    machine = lab.add_namespace("behind")
    appliance.run(["ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", machine.name])
    appliance.run(["ip", "addr", "add", "198.18.0.1/24", "dev", "eth1"])
    appliance.run(["ip", "link", "set", "eth1", "up"])
    machine.run(["ip", "addr", "add", "198.18.0.2/24", "dev", "eth0"])
    machine.run(["ip", "addr", "add", f"{BEHIND}/32", "dev", "lo"])
    machine.run(["ip", "link", "set", "eth0", "up"])
    machine.run(["ip", "route", "add", "default", "via", "198.18.0.1", "src", BEHIND])
    appliance.namespace.set_kernel("net/ipv4/ip_forward", 1)
    appliance.run(["ip", "route", "add", NEAR, "via", "198.18.0.2"])


def replay(lab: Lab, messages: list[tuple[int, GoalState]]) -> None:
    """Pushes the messages; what either host is pushed first makes it forget everything."""
    before = {number: [everything_deleted()] for number in lab.hosts}
    for number, content in messages:
        lab.hosts[number].push_all([*before.pop(number, []), content])
    for number, contents in before.items():
        lab.hosts[number].push_all(contents)


def assert_settled(lab: Lab) -> None:
    """Nothing waits, nothing was refused."""
    for host in lab.hosts.values():
        wait_until(lambda host=host: not host.console.problems("pending"), f"nothing waits on {host}")
        assert not host.console.problems("refused")


def must_reach(guest: Guest, destination: str, what: object) -> None:
    """Pings until an answer comes."""
    try:
        wait_until(lambda: guest.ping(destination, count=1).received, f"{guest.port} reaches {destination}", timeout=5)
    except LabError as error:
        raise AssertionError(f"messages in the order {what}: {error}") from error


@pytest.mark.parametrize("scenario, first, last", [(SCENARIO_A, P1, P2.address), (SCENARIO_B, P1, P2.address),
                                                   (SCENARIO_C, P1, BEHIND)], ids=["A", "B", "C"])
def test_every_order_of_messages(scene: Lab, scenario: list[tuple[int, GoalState]], first: Station, last: str) -> None:
    """Whatever the order of the messages, the guests reach one another in the end."""
    for order in itertools.permutations(range(len(scenario))):
        replay(scene, [scenario[index] for index in order])
        must_reach(scene.guests[first.name], last, order)
    assert_settled(scene)


def test_guests_lease_their_addresses_and_talk(scene: Lab) -> None:
    """Scenario A verbatim, with DHCP: a router's hop is in between."""
    replay(scene, SCENARIO_A)
    one, two = scene.guests["p1"], scene.guests["p2"]
    assert one.lease()["ip"] == P1.address
    assert two.lease()["ip"] == P2.address
    must_reach(one, P2.address, "A")
    assert one.ping(P2.address).ttl == 63
    assert two.ping(P1.address).received == 3


def test_router_connects_what_was_apart(scene: Lab) -> None:
    """Scenario B, step by step: before the router there is no way, afterwards there is."""
    replay(scene, SCENARIO_B[:2])
    guest = scene.guests["p1"]
    assert guest.ping(P2.address, count=1).received == 0
    for number, content in SCENARIO_B[2:]:
        scene.hosts[number].push(content)
    must_reach(guest, P2.address, "B")
    for number in (1, 2):
        scene.hosts[number].push(message(("router", "router", "DELETE", {"id": "router"})))
    assert guest.ping(P2.address, count=1).received == 0


# ------------------------------------------------------------ rules


def change_rules(lab: Lab, *rules: dict[str, Any], update: str = "DELTA") -> None:
    """Sends GREEN's rules to both hosts, as Alcor does."""
    for number, host in lab.hosts.items():
        host.push(message(router(number, *rules, update=update), *BOTH))


def without(removed: dict[str, Any]) -> dict[str, Any]:
    """The rule's end."""
    return {**removed, "operation_type": "DELETE"}


def test_longer_prefix_wins_and_its_end_restores(scene: Lab) -> None:
    """The longer prefix decides, whatever the priorities; when its rule goes the shorter one's comes back."""
    replay(scene, SCENARIO_C)
    guest = scene.guests["p1"]
    must_reach(guest, BEHIND, "C")
    hole = rule("hole", f"{BEHIND}/32", "", priority=100)
    change_rules(scene, hole)
    assert guest.ping(BEHIND, count=2).received == 0
    change_rules(scene, without(hole))
    must_reach(guest, BEHIND, "without the hole")

    wide_hole = rule("wide-hole", WIDE, "")
    change_rules(scene, wide_hole)
    assert guest.ping(BEHIND, count=2).received == 2
    change_rules(scene, without(TO_P3))
    assert guest.ping(BEHIND, count=2).received == 0
    change_rules(scene, rule("default", "0.0.0.0/0", P3.address), update="FULL")
    must_reach(guest, BEHIND, "by the default route")
    # Other subnets of the router are as they were.
    must_reach(guest, P2.address, "connected")
    change_rules(scene, update="FULL")
    assert guest.ping(BEHIND, count=2).received == 0


def test_lowest_priority_number_wins_and_the_next_takes_over(scene: Lab) -> None:
    """Of two rules for one destination the one with the lower number counts."""
    replay(scene, SCENARIO_C)
    guest = scene.guests["p1"]
    must_reach(guest, BEHIND, "C")
    change_rules(scene, rule("a", NEAR, "", priority=9), update="FULL")
    assert guest.ping(BEHIND, count=2).received == 0
    change_rules(scene, rule("z", NEAR, P3.address, priority=3))
    must_reach(guest, BEHIND, "the better rule")
    change_rules(scene, without(rule("z", NEAR, "")))
    assert guest.ping(BEHIND, count=2).received == 0


def test_console_shows_what_is_remembered(scene: Lab) -> None:
    """VPC, subnets, router and rules, a gateway and a security group, as pushed and with what became of them."""
    host = scene.hosts[1]
    replay(scene, SCENARIO_C)
    group = {"id": "web", "name": "web", "security_group_rules": [
        {"id": "http", "direction": "INGRESS", "protocol": "TCP", "port_range_min": 80, "port_range_max": 80}]}
    gateway = {"id": "gw", "gateway_type": "IGW", "destinations": [
        {"ip_address": "10.0.0.9", "mac_address": "02:00:00:00:0f:01"}]}
    host.push(message(("vpc", "vpc", "INFO", {"id": "vpc", "cidr": "10.0.0.0/8", "gateway_ids": ["gw"]}),
                      ("gateway", "gw", "CREATE", gateway), ("security_group", "web", "CREATE", group),
                      router(1, rule("worse", NEAR, "", priority=5),
                             rule("out", "0.0.0.0/0", "", routing_rule_extra_info={"destination_type": "INTERNET"}))))
    shown = host.console.json("show", "goal-state")
    assert [vpc["gateways"] for vpc in shown["vpcs"]] == [["gw"]]
    assert {subnet["id"]: subnet["vni"] for subnet in shown["subnets"]} == {"green": 1001, "red": 1002}
    rules = {row["id"]: (row["target"], row["state"]) for row in shown["routing_rules"]}
    assert rules == {"to-p3": (f"via {P3.address}", "in effect"), "worse": ("blackhole", "another rule wins"),
                     "out": ("internet gateway", "in effect")}
    assert shown["gateways"][0]["destinations"] == ["10.0.0.9 02:00:00:00:0f:01"]
    assert shown["security_rules"][0]["id"] == "http"
    assert "to-p3" in host.console.text("show", "goal-state", "router")
    routes = [row for row in host.console.json("show", "route", "1001")["routes"] if row["prefix"] == "0.0.0.0/0"]
    assert len(routes) == 1
    host.push(message(("gateway", "gw", "DELETE", {"id": "gw"}), ("security_group", "web", "DELETE", {"id": "web"}),
                      ("vpc", "vpc", "DELETE", {"id": "vpc"})))
    shown = host.console.json("show", "goal-state")
    assert not shown["vpcs"] and not shown["gateways"] and not shown["security_groups"]


def test_rules_survive_the_agent(scene: Lab) -> None:
    """A restarted agent that is told nothing of the rules leaves them; FULL cleans up."""
    replay(scene, SCENARIO_C)
    host, guest = scene.hosts[1], scene.guests["p1"]
    must_reach(guest, BEHIND, "C")
    assert host.agent is not None
    host.agent.kill()
    host.start_agent()
    operations = host.console.operations()
    host.push(message(router(1), *BOTH))
    assert host.console.operations() == operations
    assert guest.ping(BEHIND, count=2).received == 2
    host.push(message(router(1, TO_P3), *BOTH))
    assert host.console.operations() == operations
    host.push(message(router(1, update="FULL"), *BOTH))
    assert guest.ping(BEHIND, count=2).received == 0


GREEN_V6 = ("subnet", "green-v6", "INFO", {
    "id": "green-v6", "vpc_id": "vpc", "cidr": "fd00:1::/64", "tunnel_id": 1001,
    "gateway": {"ip_address": "fd00:1::1", "mac_address": "02:00:00:00:01:01"}})
BEHIND_V6 = "fd00:99::5"


def router_v6(host: int, *rules: dict[str, Any]) -> State:
    """The router with IPv6 rules for the subnet that shares GREEN's VNI."""
    kind, key, operation, configuration = router(host)
    tables = [*configuration["subnet_routing_tables"], {"subnet_id": "green-v6", "routing_rules": list(rules)}]
    return kind, key, operation, {**configuration, "subnet_routing_tables": tables}


def in_v6(state: State) -> State:
    """A port or neighbor of GREEN with its IPv6 address, fd00:1:: and the last number of the other one, too."""
    kind, key, operation, configuration = state
    address = configuration["fixed_ips"][0]["ip_address"]
    second = {"subnet_id": "green-v6", "ip_address": f"fd00:1::{address.rsplit('.', 1)[1]}"}
    pairs = [*configuration.get("allow_address_pairs", []), {"ip_address": "fd00:99::/64"}]
    more = {"allow_address_pairs": pairs} if kind == "port" else {}
    return kind, key, operation, {**configuration, **more, "fixed_ips": [*configuration["fixed_ips"], second]}


def test_rules_for_ipv6(scene: Lab) -> None:
    """A dual-stack GREEN: an IPv6 rule, the default route included, a longer prefix that drops, and its end."""
    for name, number in (("p1", 11), ("p3", 13)):
        scene.guests[name].address_v6 = f"fd00:1::{number}"
        scene.guests[name].configure_v6("fd00:1::1")
    scene.guests["p3"].run(["ip", "-6", "addr", "replace", f"{BEHIND_V6}/128", "dev", "lo", "nodad"])
    nets = (*BOTH, GREEN_V6)
    next_hop = "fd00:1::13"
    replay(scene, [(1, message(in_v6(P1.port()), in_v6(P3.neighbor("L2")), *nets)),
                   (2, message(in_v6(P3.port()), in_v6(P1.neighbor()), router_v6(2), *nets)),
                   (1, message(router_v6(1, rule("v6", "fd00:99::/64", next_hop))))])
    host, guest = scene.hosts[1], scene.guests["p1"]
    must_reach(guest, BEHIND_V6, "the rule")
    hole = rule("hole", f"{BEHIND_V6}/128", "")
    host.push(message(router_v6(1, hole)))
    assert guest.ping(BEHIND_V6, count=2).received == 0
    host.push(message(router_v6(1, without(hole), without(rule("v6", "", "")), rule("default", "::/0", next_hop))))
    must_reach(guest, BEHIND_V6, "the default route")
    host.push(message(router_v6(1, without(rule("default", "", "")))))
    assert guest.ping(BEHIND_V6, count=2).received == 0
    for number in (1, 2):
        scene.hosts[number].push(message(("subnet", "green-v6", "DELETE", GREEN_V6[3])))


# ------------------------------------------------------------ tenants


def tenant(name: str, vni: int) -> tuple[Station, Station, State]:
    """A tenant with a guest on each host; the addresses and MACs are every tenant's."""
    one = Station(f"{name}-1", f"green-{name}", "02:00:00:00:01:21", "10.1.0.21", 1)
    two = Station(f"{name}-2", f"green-{name}", "02:00:00:00:01:22", "10.1.0.22", 2)
    return one, two, subnet(f"green-{name}", vni, f"vpc-{name}")


def test_tenants_with_the_same_addresses_are_apart(scene: Lab) -> None:
    """Two VPCs with the same CIDR, addresses and MACs: each talks to its own, and only to it."""
    tenants = {name: tenant(name, vni) for name, vni in (("x", 3001), ("y", 3002))}
    for one, two, net in tenants.values():
        for station in (one, two):
            guest = scene.add_guest(scene.hosts[station.host], station.name, station.mac, station.address)
            guest.configure("10.1.0.1")
        scene.hosts[1].push(message(one.port(), two.neighbor("L2"), net))
        scene.hosts[2].push(message(two.port(), one.neighbor("L2"), net))

    def received(guest: str) -> int:
        # ICMP messages: announcements come when they please.
        counters = scene.guests[guest].run(["cat", "/proc/net/snmp"]).stdout
        return int([line.split()[1] for line in counters.splitlines() if line.startswith("Icmp:")][1])

    for name, other in (("x", "y"), ("y", "x")):
        must_reach(scene.guests[f"{name}-1"], "10.1.0.22", name)
        before = received(f"{other}-2")
        assert scene.guests[f"{name}-1"].ping("10.1.0.22", count=5).received == 5
        assert received(f"{other}-2") == before
    # What goes in one network stays in the other.
    kind, key, _, configuration = tenants["x"][1].port()
    scene.hosts[2].push(message((kind, key, "DELETE", configuration)))
    assert scene.guests["x-1"].ping("10.1.0.22", count=2).received == 0
    assert scene.guests["y-1"].ping("10.1.0.22", count=2).received == 2
