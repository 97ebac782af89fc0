"""The same state in every form that clients give it, and ports that move between hosts."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from lab import GoalState, Host, Lab, wait_until

ADDRESSES = {1: "10.0.0.1", 2: "10.0.0.2"}
KINDS = ["vpc", "subnet", "port", "neighbor", "dhcp", "router"]
MOVER = "green-2"
MOVER_ADDRESSES = {"10.1.0.12", "fd00:10:1::ff:fe00:112"}


@pytest.fixture
def unchanged(lab: Lab) -> Iterator[Lab]:
    """What is pushed says what is already so: nothing may be written, refused or left pending."""
    before = {host: host.console.operations() for host in lab.hosts.values()}
    yield lab
    for host, operations in before.items():
        assert host.console.operations() == operations
        assert not host.console.problems("pending") and not host.console.problems("refused")
        assert host.console.agent()["in_sync"]


def as_v1(goal_state: GoalState) -> GoalState:
    """The same in the lists of v1, which know no hosts."""
    return GoalState({"format_version": 101,
                      **{f"{kind}_states": list(goal_state.states(kind).values()) for kind in KINDS}})


def renamed_macs(value: Any, spell: Any) -> Any:
    """A copy with every MAC address spelled otherwise."""
    if isinstance(value, dict):
        return {key: renamed_macs(item, spell) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed_macs(item, spell) for item in value]
    if isinstance(value, str) and re.fullmatch("([0-9a-f]{2}:){5}[0-9a-f]{2}", value):
        return spell(value)
    return value


def for_both_hosts() -> GoalState:
    """Both examples in one message; each host's own router under a key of its own."""
    joined: dict[str, Any] = {"format_version": 102, "host_resources": {}}
    for number, address in ADDRESSES.items():
        example = GoalState.example(number).content
        joined["host_resources"][address] = copy.deepcopy(example["host_resources"][address])
        for kind in KINDS:
            joined.setdefault(f"{kind}_states", {})
            for key, state in example[f"{kind}_states"].items():
                own = f"{address}/{key}" if kind == "router" else key
                joined[f"{kind}_states"][own] = state
        for resource in joined["host_resources"][address]["resources"]:
            if resource["type"] == "ROUTER":
                resource["id"] = f"{address}/{resource['id']}"
    return GoalState(joined)


def test_v1_says_the_same_as_v2(unchanged: Lab) -> None:
    """Lists over the unary call instead of maps over the stream."""
    for number, host in unchanged.hosts.items():
        reply = host.push(as_v1(GoalState.example(number)))
        assert "INVALID_ARG" not in reply and "FAILURE" not in reply, reply


def test_every_host_takes_its_own_of_a_common_message(unchanged: Lab) -> None:
    """One message with what is for either host, pushed to both."""
    for number, host in unchanged.hosts.items():
        host.push(for_both_hosts())
        assert set(host.console.guest_ports()) == set(GoalState.example(number).states("port"))


@pytest.mark.parametrize("spell", [
    lambda mac: mac.upper().replace(":", "-"),
    lambda mac: ":".join(f"{int(group, 16):x}" for group in mac.split(":")),
], ids=["dashes", "no_leading_zeros"])
def test_every_spelling_of_macs_is_the_same_mac(unchanged: Lab, spell: Any) -> None:
    """AA-BB-CC-00-11-22 and 2:0:0:0:1:11."""
    for number, host in unchanged.hosts.items():
        host.push(GoalState(renamed_macs(GoalState.example(number).content, spell)))


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "INFO"])
def test_a_repeated_state_is_no_news(unchanged: Lab, operation: str) -> None:
    """Whatever operation it comes with."""
    for number, host in unchanged.hosts.items():
        goal_state = GoalState.example(number)
        for kind in KINDS:
            for state in goal_state.states(kind).values():
                state["operation_type"] = operation
        host.push(goal_state)


# ------------------------------------------------------------ moves


def take(host: Host, *, from_host: int) -> None:
    """The port is here now, as the other host's example describes it."""
    source = GoalState.example(from_host)
    host.push(GoalState({"format_version": 102,
                         "port_states": {MOVER: source.states("port")[MOVER]},
                         "dhcp_states": {MOVER: source.states("dhcp")[MOVER]}}))


def release(host: Host, *, to_address: str) -> None:
    """The port is elsewhere now: an UPDATE without device takes it away, neighbors say where it is."""
    port = copy.deepcopy(GoalState.example(2).states("port")[MOVER])
    port["operation_type"] = "UPDATE"
    port["configuration"].update(device_id="", device_owner="")
    dhcp = copy.deepcopy(GoalState.example(2).states("dhcp")[MOVER])
    dhcp["operation_type"] = "DELETE"
    neighbor_states = copy.deepcopy({key: state for key, state in GoalState.example(1).states("neighbor").items()
                                     if state["configuration"]["id"] == MOVER})
    for state in neighbor_states.values():
        state["configuration"]["host_ip_address"] = to_address
    host.push(GoalState({"format_version": 102, "port_states": {MOVER: port}, "dhcp_states": {MOVER: dhcp},
                         "neighbor_states": neighbor_states}))


def test_a_port_moves_to_another_host_and_back(leased: Lab) -> None:
    """Twice there and back: reachable from both hosts each time, and no entry of its former place is left."""
    guest = leased.guests[MOVER]
    peers = [leased.guests["green-1"], leased.guests["red-1"], leased.guests["red-2"]]
    place = 2
    for destination in (1, 2, 1, 2):
        former, now = leased.hosts[place], leased.hosts[destination]
        leased.unplug(former, guest)
        take(now, from_host=2)
        release(former, to_address=ADDRESSES[destination])
        leased.plug(now, guest)
        now.wait_for_port(MOVER)
        assert guest.lease()["ip"] == guest.address
        for peer in peers:
            assert peer.reaches(guest.address), f"from {peer.port} to the port on {now}"
            assert peer.ping(guest.address).received == 3
        assert MOVER not in former.console.ports()
        wait_until(lambda former=former: MOVER_ADDRESSES <= former.programmed_neighbors(), f"{former} has the way to it")
        assert not MOVER_ADDRESSES & now.programmed_neighbors(), "a port of the host is no neighbor"
        place = destination
    for host in leased.hosts.values():
        assert host.console.agent()["in_sync"]
