"""Health, reflection and Prometheus metrics of a host with guests."""

from __future__ import annotations

import copy
import json
import os
import signal
import threading
import time
from typing import Any

import pytest
from lab import GoalState, Host, Lab, wait_until
from lab.host import AGENT_PORT
from lab.metrics import ADDRESS, scrape
from lab.programs import PYTHON, TOOLS

NOBODY = "127.0.0.1:9"  # a Network Config Manager that is down
SERVING, NOT_SERVING = 1, 2  # grpc.health.v1


@pytest.fixture(scope="module")
def host(leased: Lab) -> Host:
    """Its agent serves metrics, and asks a manager in vain."""
    found = leased.hosts[1]
    found.agent.stop()
    found.start_agent("--metrics-listen", ADDRESS, "--ncm", NOBODY)
    wait_until(lambda: scrape(found)["alkaid_agent_in_sync", frozenset()] == 1, "in sync")
    return found


def probe(host: Host, target: str, *services: str) -> dict[str, Any]:
    """What tools/grpc_probe.py finds."""
    return json.loads(host.namespace.run([PYTHON, TOOLS / "grpc_probe.py", target, *services], timeout=60).stdout)


def test_health_and_reflection(host: Host) -> None:
    """On every endpoint of both processes; those of the agent tell whether the data plane is in sync."""
    names = ["", "liveness", "alcor.schema.GoalStateProvisioner"]
    goal_states = f"127.0.0.1:{AGENT_PORT}"
    for target, service in ((goal_states, "alcor.schema.GoalStateProvisioner"),
                            (f"unix:{host.run_directory}/agent.sock", "alkaid.agent.v1.Agent")):
        wait_until(lambda target=target: probe(host, target, *names)["health"] == dict.fromkeys(names, SERVING),
                   f"{target} is ready", timeout=30)
        found = probe(host, target)["services"]
        assert service in found and "grpc.health.v1.Health" in found, found
    dataplane = probe(host, f"unix:{host.run_directory}/dataplane.sock", "")
    assert dataplane["health"] == {"": SERVING}
    assert "alkaid.dataplane.v1.Dataplane" in dataplane["services"]


def test_scrape(host: Host, leased: Lab) -> None:
    """What the agent and its data plane count is there under the documented names."""
    before = scrape(host)
    host.push(GoalState.example(1))
    assert leased.guests["green-1"].ping("10.1.0.12", count=3).received == 3
    assert leased.guests["green-1"].ping("203.0.113.1", count=2).received == 0
    after = scrape(host)

    def grown(name: str, **labels: str) -> float:
        key = name, frozenset(labels.items())
        return after[key] - before.get(key, 0)

    assert after["alkaid_dataplane_up", frozenset()] == 1
    assert after["alkaid_agent_dataplane_connected", frozenset()] == 1
    assert after["alkaid_ports", frozenset({("kind", "guest"), ("state", "ATTACHED")})] == 2
    assert grown("alkaid_port_packets_total", port="green-1", direction="rx") >= 3
    assert grown("alkaid_port_packets_total", port="green-1", direction="tx") >= 3
    assert grown("alkaid_port_bytes_total", port="green-1", direction="rx") >= 3 * 98
    assert grown("alkaid_connections_created_total", family="IPv4") >= 1
    assert after["alkaid_table_entries", frozenset({("table", "ports")})] >= 2
    names = {name for name, _ in after}
    for name in ("alkaid_agent_resources", "alkaid_worker_busy_seconds_total", "alkaid_table_capacity",
                 "alkaid_next_hops", "alkaid_guest_service_messages_total", "alkaid_agent_connections",
                 "alkaid_connection_states"):
        assert name in names, name
    assert grown("alkaid_agent_goal_state_messages_total") == 1
    assert grown("alkaid_agent_goal_state_seconds_count", stage="total") == 1
    drops = [key for key in after if key[0] == "alkaid_port_drops_total" and ("port", "green-1") in key[1]]
    assert sum(after[key] - before.get(key, 0) for key in drops) >= 2, drops
    assert len(after) < 1000


def test_stages_of_goal_states(host: Host) -> None:
    """Each of them is counted and timed; a large message is decoded in parts."""
    before = scrape(host)
    host.push(GoalState({"format_version": 102}).add_remote_neighbors(
        [f"10.1.{100 + number // 250}.{1 + number % 250}" for number in range(5000)]))
    after = scrape(host)
    for stage in ("decode", "wait", "merge", "program", "store", "total"):
        label = frozenset({("stage", stage)})
        for part in ("count", "sum"):
            key = f"alkaid_agent_goal_state_seconds_{part}", label
            assert after[key] > before.get(key, 0), key
    decoded = "alkaid_agent_goal_state_seconds_count", frozenset({("stage", "decode")})
    assert after[decoded] - before[decoded] > 3
    assert after["alkaid_agent_state_stored", frozenset()] == 1


def test_questions_on_demand(host: Host, leased: Lab) -> None:
    """What is asked for and what fails is counted."""
    asked = "alkaid_agent_on_demand_questions_total", frozenset({("outcome", "asked")})
    failed = "alkaid_agent_on_demand_failed_calls_total", frozenset[tuple[str, str]]()
    before = scrape(host)
    assert leased.guests["green-1"].ping("10.2.0.99", count=1).received == 0
    after = wait_until(lambda: (found := scrape(host))[failed] > before[failed] and found, "the manager is down", timeout=30)
    assert after[asked] > before[asked]  # type: ignore[index]
    assert after["alkaid_agent_on_demand_calls_total", frozenset()] >= after[failed]  # type: ignore[index]
    for name in ("alkaid_agent_on_demand_questions", "alkaid_agent_learnt_neighbors"):
        assert (name, frozenset()) in after  # type: ignore[operator]


def test_not_ready_while_the_data_plane_hangs(host: Host) -> None:
    """One that stands still, with its connections open and nothing to program, is not in sync for anybody who asks."""
    ready = {"": SERVING, "liveness": SERVING}
    target = f"127.0.0.1:{AGENT_PORT}"
    assert probe(host, target, *ready)["health"] == ready
    os.kill(host.dataplane.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: probe(host, target, *ready)["health"] == {**ready, "": NOT_SERVING}, "it is not ready",
                   timeout=60)
        shown = host.console.agent()
        assert (shown["dataplane_connected"], shown["dataplane_answers"], shown["in_sync"]) == (True, False, False)
    finally:
        os.kill(host.dataplane.pid, signal.SIGCONT)
    wait_until(lambda: probe(host, target, *ready)["health"] == ready, "it is ready again", timeout=60)


def test_the_agent_tells_what_it_knows_while_a_write_hangs(host: Host) -> None:
    """A goal state is on its way to a data plane that stands still: who asks the agent is answered at once."""
    def neighbors() -> int:
        return next(int(row["wanted"]) for row in host.console.json("show", "config")["resources"] if row["type"] == "NEIGHBOR")

    goal_state = GoalState.example(1)
    assert host.push(goal_state)
    before = neighbors()
    goal_state.states("neighbor")["more"] = copy.deepcopy(next(iter(goal_state.states("neighbor").values())))
    more = goal_state.states("neighbor")["more"]["configuration"]
    more["id"] = "more"
    more["fixed_ips"][0]["ip_address"] = "10.1.0.77"
    for resources in goal_state.content["host_resources"].values():
        resources["resources"].append({"type": "NEIGHBOR", "id": "more"})
    host.dataplane.signal(signal.SIGSTOP)
    pusher = threading.Thread(target=host.push, args=(goal_state,))
    pusher.start()
    try:
        wait_until(lambda: not host.console.agent()["in_sync"], "a write is under way", timeout=20)
        for command in (["show", "config"], ["show", "goal-state"], ["show", "slices"]):
            start = time.monotonic()
            shown = host.console.json(*command)
            assert time.monotonic() - start < 2, command
        assert neighbors() == before + 1
    finally:
        host.dataplane.signal(signal.SIGCONT)
        pusher.join()
    wait_until(lambda: host.console.agent()["in_sync"], "it is written", timeout=60)


def test_scrape_without_a_data_plane(host: Host) -> None:
    """The agent's own metrics and its health are there, and say that there is none."""
    host.dataplane.kill()
    samples = wait_until(lambda: (found := scrape(host))["alkaid_agent_dataplane_connected", frozenset()] == 0 and found,
                         "the agent has noticed", timeout=30)
    assert samples["alkaid_dataplane_up", frozenset()] == 0  # type: ignore[index]
    assert samples["alkaid_agent_in_sync", frozenset()] == 0  # type: ignore[index]
    wait_until(lambda: probe(host, f"127.0.0.1:{AGENT_PORT}", "", "liveness")["health"] ==
               {"": NOT_SERVING, "liveness": SERVING}, "it is not ready", timeout=30)
