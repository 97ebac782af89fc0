"""Alcor's four security group workflows (security_group_workflow.puml) between real guests.

P1 and P2 are on host 1, P3 and P4 on host 2, all in GREEN. A: a port comes with two groups. B: a group's rule names
another group as remote, whose members are neighbors. C: rules of a group in use are changed one by one. D: a port
comes on another host into a group that a rule here names.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from lab import GoalState, Guest, Lab, wait_until
from lab.numbered_traffic import NumberedTraffic
from lab.process import Process
from lab.programs import PYTHON, TOOLS

GATEWAY = "10.1.0.1"
WEB, OTHER = 80, 81
State = tuple[str, str, str, dict[str, Any]]  # kind, key, operation, configuration


@dataclass(frozen=True)
class Station:
    """A port as its own host and as the others see it."""

    name: str
    number: int
    host: int

    @property
    def address(self) -> str:
        """Its address in GREEN."""
        return f"10.1.0.{self.number}"

    @property
    def mac(self) -> str:
        """Its MAC."""
        return f"02:00:00:00:01:{self.number}"

    def port(self, *groups: str, operation: str = "CREATE") -> State:
        """The port in these groups."""
        return ("port", self.name, operation, {
            "id": self.name, "update_type": "FULL", "vpc_id": "vpc", "device_id": self.name,
            "device_owner": "compute:nova", "mac_address": self.mac, "admin_state_up": True,
            "fixed_ips": [{"subnet_id": "green", "ip_address": self.address}],
            "security_group_ids": [{"id": group} for group in groups]})

    def neighbor(self, *groups: str, operation: str = "CREATE") -> State:
        """The station as an L2 neighbor that says its groups, by the extension."""
        return ("neighbor", f"L2/{self.name}", operation, {
            "id": self.name, "update_type": "DELTA", "vpc_id": "vpc", "mac_address": self.mac,
            "host_ip_address": f"10.0.0.{self.host}", "security_group_ids": list(groups),
            "fixed_ips": [{"neighbor_type": "L2", "subnet_id": "green", "ip_address": self.address}]})


P1, P2 = Station("p1", 11, 1), Station("p2", 12, 1)
P3, P4 = Station("p3", 13, 2), Station("p4", 14, 2)
STATIONS = (P1, P2, P3, P4)
GREEN: State = ("subnet", "green", "INFO", {
    "id": "green", "vpc_id": "vpc", "cidr": "10.1.0.0/24", "tunnel_id": 1001,
    "gateway": {"ip_address": GATEWAY, "mac_address": "02:00:00:00:01:01"}})


def tcp(name: str, first: int = 0, last: int = 0, direction: str = "INGRESS", **more: Any) -> dict[str, Any]:
    """A rule for TCP; without ports any protocol, as Alcor's clients mean it."""
    return {"id": name, "direction": direction, "protocol": "TCP", "port_range_min": first,
            "port_range_max": last or first, **more}


def without(rule: dict[str, Any]) -> dict[str, Any]:
    """The rule's end."""
    return {"operation_type": "DELETE", "id": rule["id"]}


def group(name: str, *rules: dict[str, Any], update: str = "DELTA", operation: str = "INFO") -> State:
    """A security group's state."""
    return ("security_group", name, operation,
            {"id": name, "name": name, "update_type": update, "security_group_rules": list(rules)})


WEB_RULE = tcp("web", WEB)
PING_RULE = {"id": "ping", "direction": "INGRESS", "protocol": "ICMP", "port_range_min": 8}
OUT_RULE = tcp("out", direction="EGRESS")


def message(*states: State) -> GoalState:
    """A message for one host."""
    made = GoalState({})
    for kind, key, operation, configuration in states:
        made.add(kind, key, configuration, operation)
    return made


def forget_everything(host: int) -> GoalState:
    """Deletes all that a test may have pushed; afterwards nothing has groups."""
    states = [station.port() if station.host == host else station.neighbor() for station in STATIONS]
    return message(*((kind, key, "DELETE", content) for kind, key, _, content in states),
                   *(group(name, operation="DELETE") for name in ("sg1", "sg2")))


@pytest.fixture(scope="module", name="scene")
def make_scene() -> Iterator[Lab]:
    """Two hosts with two guests each; P1 and P4 listen for TCP on two ports."""
    lab = Lab()
    try:
        for number in (1, 2):
            lab.add_host(number)
        for station in STATIONS:
            lab.add_guest(lab.hosts[station.host], station.name, station.mac, station.address).configure(GATEWAY)
        for name in ("p1", "p4"):
            for port in (WEB, OTHER):
                lab.guests[name].start([PYTHON, TOOLS / "tcp_talk.py", "listen", str(port)],
                                       f"listen-{port}").wait_for_log("listening")
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture(autouse=True)
def fresh(scene: Lab) -> None:
    """Ports and neighbors without groups on both hosts."""
    for number, host in scene.hosts.items():
        states = [station.port() if station.host == number else station.neighbor() for station in STATIONS]
        host.push_all([forget_everything(number), message(GREEN, *states)])
        for station in STATIONS:
            if station.host == number:
                host.wait_for_port(station.name)


def connects(guest: Guest, to: Station, port: int) -> bool:
    """Whether a TCP connection comes about, given some time for a first SYN that ARP made wait."""
    program = f"import socket; socket.create_connection(({to.address!r}, {port}), timeout=2.5)"
    return guest.run([PYTHON, "-c", program], check=False, timeout=10).returncode == 0


def pings(guest: Guest, to: Station) -> bool:
    """Whether all of a few pings are answered."""
    return guest.ping(to.address, count=3).received == 3


class Talk:
    """A connection that never rests, seen from its caller."""

    def __init__(self, guest: Guest, to: Station, port: int) -> None:
        self._process: Process = guest.start([PYTHON, TOOLS / "tcp_talk.py", "call", to.address, str(port)], "call")
        wait_until(lambda: self.counts()[0] > 10, "the connection talks")

    def counts(self) -> tuple[int, int]:
        """Bytes received and segments sent again."""
        found = re.findall(r"received (\d+) retransmitted (\d+)", self._process.log)
        return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)

    def assert_goes_on(self) -> None:
        """More comes, and nothing had to be sent twice."""
        before = self.counts()
        wait_until(lambda: self.counts()[0] > before[0] + 25, "the connection goes on", timeout=5)
        assert self.counts()[1] == before[1]

    def assert_is_cut(self) -> None:
        """Nothing comes any more, and what is sent isn't acknowledged."""
        time.sleep(0.3)  # what was on its way
        before = self.counts()
        # The kernel's first retransmission may take a second.
        wait_until(lambda: self.counts()[1] > before[1], "something is sent again", timeout=5)
        assert self.counts()[0] == before[0]

    def stop(self) -> None:
        """Ends the caller."""
        self._process.stop()


# ------------------------------------------------------------ the workflows


def test_a_port_comes_with_its_groups(scene: Lab) -> None:
    """A: Port CREATE with SG1 and SG2 and their INFO: what either allows passes, the rest is dropped."""
    scene.hosts[1].push(message(P1.port("sg1", "sg2"), group("sg1", WEB_RULE), group("sg2", PING_RULE, OUT_RULE)))
    before = scene.hosts[1].console.drops()
    far, near = scene.guests["p3"], scene.guests["p2"]
    for guest in (far, near):
        assert connects(guest, P1, WEB)
        assert not connects(guest, P1, OTHER)
        assert pings(guest, P1)
    assert (scene.hosts[1].console.drops() - before)["policy_ingress"] > 0
    # Everything is allowed out.
    assert connects(scene.guests["p1"], P4, OTHER)
    assert pings(scene.guests["p1"], P2)


def test_a_groups_first_or_last_and_default_deny(scene: Lab) -> None:
    """A port whose group isn't known yet is closed both ways, and opens when it comes."""
    host = scene.hosts[1]
    host.push(message(P1.port("sg1")))
    assert any(problem["resource_id"] == "p1" for problem in host.console.problems("pending"))
    assert not connects(scene.guests["p3"], P1, WEB)
    assert not connects(scene.guests["p1"], P4, WEB)
    host.push(message(group("sg1", WEB_RULE)))
    assert not host.console.problems("pending")
    assert connects(scene.guests["p3"], P1, WEB)
    assert not connects(scene.guests["p1"], P4, WEB)
    host.push(message(group("sg1", OUT_RULE)))
    assert connects(scene.guests["p1"], P4, WEB)


def test_b_members_of_a_remote_group(scene: Lab) -> None:
    """B: neighbors and both groups' INFO: only who is in SG2 gets through SG1's rule, while it is."""
    host = scene.hosts[1]
    host.push(message(P1.port("sg1"), P3.neighbor("sg2"), P4.neighbor(),
                      group("sg1", tcp("from-sg2", WEB, remote_group_id="sg2")), group("sg2", PING_RULE)))
    assert connects(scene.guests["p3"], P1, WEB)
    assert not connects(scene.guests["p4"], P1, WEB)
    assert not pings(scene.guests["p3"], P1)  # SG2's own rules are for its own ports
    # P2 is on P1's host: its port says its groups.
    assert not connects(scene.guests["p2"], P1, WEB)
    host.push(message(P2.port("sg2")))
    host.push(message(group("sg2", OUT_RULE)))
    assert connects(scene.guests["p2"], P1, WEB)

    talk = Talk(scene.guests["p3"], P1, WEB)
    host.push(message(P4.neighbor("sg2")))
    assert connects(scene.guests["p4"], P1, WEB)
    talk.assert_goes_on()
    host.push(message(P3.neighbor()))
    talk.assert_is_cut()
    talk.stop()
    assert not connects(scene.guests["p3"], P1, WEB)
    host.push(message(("neighbor", "L2/p4", "DELETE", P4.neighbor()[3])))
    assert host.console.json("show", "goal-state")["security_groups"]


@pytest.mark.parametrize("caller", [P3, P2], ids=["far", "near"])
def test_c_rules_change_one_by_one(scene: Lab, caller: Station) -> None:
    """C: Port INFO and SG UPDATE: a connection whose rule goes is cut, one that another rule admits loses nothing."""
    host, guest = scene.hosts[1], scene.guests[caller.name]
    host.push(message(P1.port("sg1"), group("sg1", WEB_RULE)))
    talk = Talk(guest, P1, WEB)
    wide = tcp("wide", 1, 100)
    operations = host.console.operations()
    host.push(message(P1.port("sg1", operation="INFO"), group("sg1", wide, operation="UPDATE")))
    assert host.console.operations() == operations + 1
    host.push(message(P1.port("sg1", operation="INFO"), group("sg1", without(WEB_RULE), operation="UPDATE")))
    talk.assert_goes_on()
    narrow = tcp("wide", OTHER)
    host.push(message(P1.port("sg1", operation="INFO"), group("sg1", narrow, operation="UPDATE")))
    talk.assert_is_cut()
    talk.stop()
    assert not connects(guest, P1, WEB)
    assert connects(guest, P1, OTHER)


@pytest.mark.parametrize("source", [P3, P2], ids=["far", "near"])
def test_what_a_rule_admitted_ends_with_the_reply(scene: Lab, source: Station) -> None:
    """No datagram that is sent after the reply arrives; of a flow that another rule admits none is lost."""
    host = scene.hosts[1]
    cut_rule = {"id": "cut", "direction": "INGRESS", "protocol": "UDP", "port_range_min": 5001, "port_range_max": 5001}
    both_rule = {**cut_rule, "id": "both", "port_range_max": 5002}
    kept_rule = {**cut_rule, "id": "kept", "port_range_min": 5002, "port_range_max": 5010}
    host.push(message(P1.port("sg1"), group("sg1", cut_rule, both_rule, kept_rule)))
    cut, kept = (NumberedTraffic(scene.directory, scene.guests[source.name], scene.guests["p1"], 1000, port)
                 for port in (5001, 5002))
    time.sleep(1)
    host.push(message(group("sg1", without(cut_rule), operation="UPDATE")))
    time.sleep(0.5)
    began = time.monotonic()
    host.push(message(group("sg1", without(both_rule), operation="UPDATE")))
    replied = time.monotonic()
    time.sleep(1)
    sent, lost = cut.end()
    arrived = sorted(set(sent) - set(lost))
    assert [when for when in arrived if when > replied] == []
    assert len([when for when in lost if when > replied]) > 500
    assert [when for when in arrived if began - 0.3 < when < began], "the other rule admitted it until then"
    _, lost = kept.end()
    assert [when for when in lost if when > began - 0.5] == []


def test_c_removed_egress_rule_cuts_too(scene: Lab) -> None:
    """The same for what the guest itself started, and for FULL; the group's DELETE closes the port."""
    host = scene.hosts[1]
    host.push(message(P1.port("sg1"), group("sg1", tcp("out", WEB, direction="EGRESS"))))
    talk = Talk(scene.guests["p1"], P4, WEB)
    host.push(message(group("sg1", tcp("other-out", WEB, direction="EGRESS"), update="FULL")))
    talk.assert_goes_on()
    host.push(message(group("sg1", operation="DELETE")))
    talk.assert_is_cut()
    talk.stop()
    assert not connects(scene.guests["p1"], P4, WEB)


@pytest.mark.parametrize("by_extension", [True, False], ids=["extension", "ports-of-other-hosts"])
def test_d_a_port_comes_on_another_host(scene: Lab, by_extension: bool) -> None:
    """D: host 2 gets P4 and SG1, host 1 the L2 neighbor P4 and SG1: members of SG1 reach each other, no one else does.

    That P4 is in SG1, host 1 hears from the neighbor itself or from P4's state in a message for both hosts.
    """
    default = group("sg1", tcp("from-sg1", WEB, remote_group_id="sg1"), OUT_RULE)
    scene.hosts[1].push(message(P1.port("sg1"), P2.port(), default))
    assert not connects(scene.guests["p4"], P1, WEB)
    if by_extension:
        scene.hosts[2].push(message(P4.port("sg1"), P1.neighbor("sg1"), default))
        scene.hosts[1].push(message(P4.neighbor("sg1"), default))
    else:
        common = GoalState({"host_resources": {f"10.0.0.{number}": {"resources": []} for number in (1, 2)}})
        for kind, key, operation, configuration in (P1.port("sg1"), P4.port("sg1"), default):
            common.states(kind)[key] = {"operation_type": operation, "configuration": configuration}
        for number, port in ((1, "p1"), (2, "p4")):
            common.content["host_resources"][f"10.0.0.{number}"]["resources"] = [
                {"type": "PORT", "id": port}, {"type": "SECURITYGROUP", "id": "sg1"}]
        for host in scene.hosts.values():
            host.push(common)
    assert connects(scene.guests["p4"], P1, WEB)
    assert connects(scene.guests["p1"], P4, WEB)
    assert not connects(scene.guests["p3"], P1, WEB)
    assert not connects(scene.guests["p2"], P4, WEB)
    assert not connects(scene.guests["p3"], P4, WEB)


@pytest.mark.parametrize("caller, to", [(P3, P1), (P1, P4)], ids=["in", "out"])
def test_connections_outlive_the_data_plane(scene: Lab, caller: Station, to: Station) -> None:
    """A data plane that is killed and starts again picks them up, as far as rules admit them: no longer than these."""
    host = scene.hosts[1]
    host.push(message(P1.port("sg1"), group("sg1", WEB_RULE, tcp("out", WEB, direction="EGRESS"))))
    talk = Talk(scene.guests[caller.name], to, WEB)
    host.dataplane.kill()
    host.start_dataplane()
    for name in ("p1", "p2"):
        host.wait_for_port(name, timeout=20)
    before = talk.counts()[0]
    wait_until(lambda: talk.counts()[0] > before + 50, "the connection goes on", timeout=20)
    host.push(message(group("sg1", without(WEB_RULE), {"operation_type": "DELETE", "id": "out"}, operation="UPDATE")))
    talk.assert_is_cut()
    talk.stop()


def test_ports_without_groups_are_closed_by_default(scene: Lab) -> None:
    """`--default-policy closed`: nothing passes at a port that has no groups, what its groups allow at one that has."""
    host = scene.hosts[1]
    assert host.agent is not None
    assert connects(scene.guests["p3"], P1, WEB)
    try:
        host.agent.kill()
        host.start_agent("--default-policy", "closed")
        wait_until(lambda: host.console.agent()["in_sync"], "the agent is in sync")
        before = host.console.drops()
        assert not connects(scene.guests["p3"], P1, WEB)
        assert not connects(scene.guests["p1"], P4, WEB)
        dropped = host.console.drops() - before
        assert dropped["policy_ingress"] > 0 and dropped["policy_egress"] > 0
        host.push(message(P1.port("sg1"), group("sg1", WEB_RULE)))
        assert connects(scene.guests["p3"], P1, WEB)
        assert not connects(scene.guests["p2"], P1, WEB)
    finally:
        host.agent.kill()
        host.start_agent()
    wait_until(lambda: host.console.agent()["in_sync"], "the agent is in sync")
    assert connects(scene.guests["p2"], P1, WEB)


def test_the_same_again_and_a_new_agent_write_nothing(scene: Lab) -> None:
    """Repeated states are no news, nor after the agent's restart; a connection doesn't notice either."""
    host = scene.hosts[1]
    states = message(GREEN, P1.port("sg1"), P2.port(), P3.neighbor("sg2"), P4.neighbor(),
                     group("sg1", tcp("from-sg2", WEB, remote_group_id="sg2"), OUT_RULE), group("sg2", PING_RULE))
    host.push(states)
    talk = Talk(scene.guests["p3"], P1, WEB)
    operations = host.console.operations()
    host.push(states)
    assert host.agent is not None
    host.agent.kill()
    host.start_agent()
    host.push(states)
    assert host.console.operations() == operations
    talk.assert_goes_on()
    talk.stop()
