"""Goal states with faults: each faulty resource is refused by name, the rest of the message is applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from lab import GoalState, Lab, wait_until


@dataclass(frozen=True)
class Fault:
    """A resource to add to a good message, and how its refusal must read."""

    name: str
    kind: str
    template: str
    changes: dict[str, Any]
    field: str
    value: str


FAULTS = [
    Fault("bad-mac", "port", "green-1", {"mac_address": "02:00:00:zz:01:11"},
          "configuration.mac_address", "02:00:00:zz:01:11"),
    Fault("bad-cidr", "subnet", "green", {"cidr": "10.9.0.0/99", "tunnel_id": 3001},
          "configuration.cidr", "10.9.0.0/99"),
    Fault("bad-vni", "subnet", "green", {"cidr": "10.9.0.0/24", "tunnel_id": 1 << 24},
          "configuration.tunnel_id", str(1 << 24)),
    Fault("bad-network-type", "subnet", "green", {"cidr": "10.9.0.0/24", "tunnel_id": 3001, "network_type": "GRE"},
          "configuration.network_type", "GRE"),
    Fault("no-id", "port", "green-1", {"id": ""}, "configuration.id", ""),
    Fault("no-subnet-id", "port", "green-1", {"fixed_ips": [{"subnet_id": "", "ip_address": "10.1.0.77"}]},
          "configuration.fixed_ips[0].subnet_id", ""),
    Fault("bad-address", "port", "green-1", {"fixed_ips": [{"subnet_id": "green", "ip_address": "10.1.0.777"}]},
          "configuration.fixed_ips[0].ip_address", "10.1.0.777"),
    Fault("dhcp-without-subnet", "dhcp", "green-1", {"subnet_id": ""}, "configuration.subnet_id", ""),
    Fault("neighbor-with-bad-host", "neighbor", "L2/green-2", {"host_ip_address": "10.0.0.256"},
          "configuration.host_ip_address", "10.0.0.256"),
]


def faulty_message() -> GoalState:
    """Host 1's example with every fault added to it."""
    message = GoalState.example(1)
    for fault in FAULTS:
        changes = {"id": fault.name, **fault.changes}
        message.copy_resource(fault.kind, fault.template, fault.name, **changes)
    return message


@pytest.fixture(scope="module")
def pushed(lab: Lab) -> tuple[Lab, str]:
    """The faulty message, pushed to an agent that knew nothing but its example."""
    reply = lab.hosts[1].push(faulty_message(), check=False)
    return lab, reply


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_named_everywhere(pushed: tuple[Lab, str], fault: Fault) -> None:
    """INVALID_ARG in the reply; field and value in show config, the events and the log."""
    lab, reply = pushed
    host = lab.hosts[1]
    rows = [line for line in reply.splitlines() if fault.name in line.split()]
    assert rows and all("INVALID_ARG" in row for row in rows), reply

    def matches(problem: dict[str, Any]) -> bool:
        return (problem["resource_id"], problem["field"], problem["value"]) == (fault.name, fault.field, fault.value)

    refused = [problem for problem in host.console.problems("refused") if matches(problem)]
    assert len(refused) == 1 and refused[0]["status"] == "INVALID_ARG"
    assert any(matches(event) for event in host.console.events("resource_refused"))
    lines = [line for line in host.agent.log.splitlines() if fault.field in line and fault.name in line]
    assert any(fault.value in line for line in lines), host.agent.log_tail()


def test_the_rest_is_applied(unplugged_lab: Lab) -> None:
    """Everything else in the faulty message works, on an agent that gets it as its first message."""
    lab = unplugged_lab
    for number in (1, 2):
        for color in ("green", "red"):
            lab.plug(lab.hosts[number], lab.guests[f"{color}-{number}"])
    lab.start()
    lab.hosts[1].push(faulty_message(), check=False)
    lab.hosts[2].push(GoalState.example(2))
    lab.hosts[1].wait_for_port("green-1")
    lab.hosts[2].wait_for_port("red-2")
    assert set(lab.hosts[1].console.guest_ports()) == {"green-1", "red-1"}
    assert lab.guests["green-1"].lease()["ip"] == "10.1.0.11"
    assert lab.guests["red-2"].lease()["ip"] == "10.2.0.12"
    assert lab.guests["green-1"].ping("10.2.0.12").received == 3


def test_order_of_messages_does_not_matter(unplugged_lab: Lab) -> None:
    """One resource a message, dependents first: it comes to the same."""
    lab = unplugged_lab
    for number in (1, 2):
        for color in ("green", "red"):
            lab.plug(lab.hosts[number], lab.guests[f"{color}-{number}"])
    lab.start()
    lab.hosts[2].push(GoalState.example(2))
    whole = GoalState.example(1)
    for kind in ("neighbor", "dhcp", "port", "router", "subnet", "vpc"):
        for key, state in whole.states(kind).items():
            part = GoalState({"format_version": 102, "host_resources": {"10.0.0.1": {"resources": []}}})
            part.add(kind, key, state["configuration"], state["operation_type"])
            lab.hosts[1].push(part)
    console = lab.hosts[1].console
    wait_until(lambda: console.agent()["in_sync"] and not console.problems("pending"), "nothing is pending")
    assert lab.guests["green-1"].lease()["ip"] == "10.1.0.11"
    assert lab.guests["red-1"].lease()["ip"] == "10.2.0.11"
    for destination in ("10.1.0.12", "10.2.0.12", "10.2.0.11"):
        if destination.endswith("12"):
            lab.guests["green-2" if destination.startswith("10.1") else "red-2"].lease()
        assert lab.guests["green-1"].ping(destination).received == 3
