"""Slices: several senders' parts of one host's state are replaced, changed and dropped as a whole, over restarts too."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from lab import GoalState, Lab, wait_until
from lab.fake_ncm import ADDRESS, FakeNcm
from lab.host import Host
from lab.shell import run


@pytest.fixture
def host(unplugged_lab: Lab) -> Iterator[Host]:
    """A host whose processes run and that knows its subnets."""
    host = unplugged_lab.hosts[1]
    host.start_dataplane()
    host.start_agent()
    host.push(GoalState.example(1))
    yield host


def slice_of(name: str, operation: str, addresses: list[str], **fields: Any) -> GoalState:
    """A message that makes these neighbors part of a slice."""
    state = GoalState({"format_version": 102, "slice": {"name": name, "operation": operation, **fields}})
    return state.add_remote_neighbors(addresses)


def slices(host: Host) -> dict[str, dict[str, Any]]:
    """What the agent has of each slice."""
    question = GoalState({"format_version": 102, "slice": {"operation": "ASK"}})
    file = question.write(host.run_directory / "question.json")
    answer = json.loads(run(host.namespace.command([*host.push_command(file), "--json"])).stdout)
    return {each["name"]: each for each in answer["replies"][0]["slices"]}


def addresses(network: int, count: int) -> list[str]:
    """Some addresses of subnet green, others for every network."""
    return [f"10.1.{network + i // 250}.{1 + i % 250}" for i in range(count)]


def test_pushers_of_disjoint_slices_compose(host: Host) -> None:
    """Four clients replace their slices at once, large messages among them: the host has the sum of what each said last."""
    own = host.programmed_neighbors()
    failures: list[Exception] = []

    def push(number: int) -> None:
        try:
            # The first in one message of more than 64 KiB, which is taken in parts.
            for count in (2000 if number == 0 else 50, 10, 20):
                message = slice_of(f"slice-{number}", "REPLACE", addresses(20 * (number + 1), count))
                file = message.write(host.run_directory / f"slice-{number}.json")
                run(host.namespace.command(host.push_command(file)), timeout=90)
        except Exception as error:
            failures.append(error)

    pushers = [threading.Thread(target=push, args=(number,)) for number in range(4)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join(120)
    assert not failures
    expected = [set(addresses(20 * (number + 1), 20)) for number in range(4)]
    assert host.programmed_neighbors() == own.union(*expected)
    host.push(slice_of("also", "REPLACE", addresses(20, 5)))
    shown = {each.pop("name"): each for each in host.console.json("show", "slices")["slices"]}
    assert shown["slice-0"]["kinds"] == [{"type": "NEIGHBOR", "resources": 20}]
    assert shown["slice-0"]["holders"] == [{"slice": "also", "resources": 5}]
    assert shown["slice-0"]["digest"] == slices(host)["slice-0"]["digest"]
    assert (shown["also"]["version"], shown["also"]["resources"]) == (1, 5)
    assert "also 5" in host.console.text("show", "slices", "slice-0")
    host.push(slice_of("also", "DROP", []))
    host.push(slice_of("slice-2", "DROP", []))
    assert host.programmed_neighbors() == own.union(*expected[:2], expected[3])
    assert {name: (int(each["version"]), int(each["resources"])) for name, each in slices(host).items()} == {
        f"slice-{number}": (3, 20) for number in (0, 1, 3)}


def test_a_restarted_agent_tells_its_versions_and_takes_a_delta(host: Host) -> None:
    """After kill -9 the manager is told version and digest of each slice; a delta on them is applied, one on others is refused."""
    own = host.programmed_neighbors()
    host.push(slice_of("one", "REPLACE", ["10.1.9.1", "10.1.9.2"], version="41"))
    digest = slices(host)["one"]["digest"]
    ncm = FakeNcm(host, {})
    ncm.start("never_push")
    try:
        host.agent.kill()
        host.start_agent("--ncm", ADDRESS)
        wait_until(ncm.told_slices, "the manager knows of the restart", timeout=60)
        assert ncm.told_slices() == {"one": [41, digest]}
    finally:
        ncm.stop()

    refused = host.push(slice_of("one", "DELTA", ["10.1.9.3"], base_version="40", version="42"), check=False)
    assert "send the full slice" in refused
    assert host.programmed_neighbors() == own | {"10.1.9.1", "10.1.9.2"}
    host.push(slice_of("one", "DELTA", ["10.1.9.3"], base_version="41", base_digest=digest, version="42"))
    assert host.programmed_neighbors() == own | {"10.1.9.1", "10.1.9.2", "10.1.9.3"}
    assert slices(host)["one"]["version"] == "42"
    host.push(slice_of("one", "REPLACE", ["10.1.9.3"], version="43"))
    assert host.programmed_neighbors() == own | {"10.1.9.3"}
