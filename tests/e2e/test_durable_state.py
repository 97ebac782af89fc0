"""What was acknowledged survives kill -9 and SIGTERM of both processes, and a full disk."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest
from lab import GoalState, Lab, LabError, wait_until
from lab.host import Host
from lab.numbered_traffic import NumberedTraffic
from lab.process import Process
from lab.programs import program
from lab.shell import run

KILLS = 6
SEED = 5


@pytest.fixture
def host(unplugged_lab: Lab) -> Iterator[Host]:
    """A host whose processes run and that knows its subnets."""
    host = unplugged_lab.hosts[1]
    host.start_dataplane()
    host.start_agent()
    host.push(GoalState.example(1))
    yield host


def neighbors(addresses: list[str]) -> GoalState:
    """A goal state of nothing but these neighbors."""
    return GoalState({"format_version": 102}).add_remote_neighbors(addresses)


def stop(process: Process) -> None:
    """As the service manager does."""
    assert process.stop() == 0, process.log_tail()


def acknowledged_before_kills(host: Host) -> set[str]:
    """Pushes neighbors until both processes have been killed often enough; what was acknowledged of them."""
    acknowledged: set[str] = set()
    ended = threading.Event()

    def push() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            addresses = [f"10.1.{8 + number // 25}.{number % 25 * 10 + i}" for i in range(1 + number % 3)]
            try:
                host.push(neighbors(addresses), timeout=60)
            except LabError:
                time.sleep(0.1)  # killed meanwhile: nobody knows what became of these
            else:
                acknowledged.update(addresses)

    generator = random.Random(SEED)
    pusher = threading.Thread(target=push)
    pusher.start()
    try:
        for kill in range(KILLS):
            before = len(acknowledged)
            wait_until(lambda before=before: len(acknowledged) > before + 3, "goal states are acknowledged", timeout=60)
            time.sleep(generator.uniform(0, 0.2))
            end = Process.kill if kill % 2 == 0 else stop
            end(host.agent)
            if kill % 3 == 2:
                end(host.dataplane)
                host.start_dataplane()
            host.start_agent()
    finally:
        ended.set()
        pusher.join(120)
    return acknowledged


def test_what_was_acknowledged_survives_kills(host: Host) -> None:
    """Neighbors are pushed all the time while the processes are killed and stopped: none that was acknowledged is missing."""
    acknowledged = acknowledged_before_kills(host)
    assert len(acknowledged) > 4 * KILLS
    wait_until(lambda: host.console.agent()["in_sync"], "the data plane is in sync", timeout=30)
    assert acknowledged <= host.programmed_neighbors()
    # Nothing but the file knows them now.
    host.agent.kill()
    host.dataplane.kill()
    host.start_dataplane()
    host.start_agent()
    wait_until(lambda: host.console.agent()["in_sync"], "the new data plane is in sync", timeout=30)
    assert acknowledged <= host.programmed_neighbors()
    assert set(host.console.guest_ports()) == {"green-1", "red-1"}


def test_a_deleted_neighbor_does_not_come_back(host: Host) -> None:
    """What is deleted while the data plane is away is gone from the next one, and from the file."""
    host.push(neighbors(["10.1.9.1", "10.1.9.2"]))
    host.dataplane.kill()
    wait_until(lambda: not host.console.agent()["dataplane_connected"], "the agent noticed")
    gone = neighbors(["10.1.9.1"])
    gone.states("neighbor")["10.1.9.1"]["operation_type"] = "DELETE"
    host.push(gone)
    host.agent.kill()
    host.start_dataplane()
    host.start_agent()
    wait_until(lambda: "10.1.9.2" in host.programmed_neighbors(), "the data plane is filled")
    assert "10.1.9.1" not in host.programmed_neighbors()


def test_only_what_differs_is_written(host: Host) -> None:
    """Of 60 neighbors 7 are deleted while the agent can't reach the data plane: when it can, it writes 7 objects."""
    addresses = [f"10.1.9.{number}" for number in range(1, 61)]
    host.push(neighbors(addresses))
    wait_until(lambda: host.console.agent()["in_sync"], "all is programmed")
    before = host.console.operations()
    host.agent.kill()
    socket = host.run_directory / "dataplane.sock"
    hidden = socket.rename(host.run_directory / "hidden.sock")
    gone = neighbors(addresses[:7])
    for address in addresses[:7]:
        gone.states("neighbor")[address]["operation_type"] = "DELETE"
    connected: list[bool] = []

    def delete() -> None:
        try:
            wait_until(lambda: "FAILURE" not in host.push(gone), "the agent takes goal states")
            connected.append(host.console.agent()["dataplane_connected"])
        finally:
            hidden.rename(socket)

    deleting = threading.Thread(target=delete)
    deleting.start()
    host.start_agent()
    deleting.join()
    assert connected == [False]
    wait_until(lambda: host.console.agent()["in_sync"], "the data plane is in sync")
    assert set(addresses[7:]) <= host.programmed_neighbors()
    assert not set(addresses[:7]) & host.programmed_neighbors()
    assert host.console.operations() == before + 7


def test_a_full_disk_is_told_and_passes(unplugged_lab: Lab) -> None:
    """Without room goal states take effect and are answered FAILURE; with room they are kept, and so is the rest.

    Packets flow all the time, and an agent that is killed and started while the disk is full has what was acknowledged.
    """
    lab = unplugged_lab
    host = lab.hosts[1]
    for name in ("green-1", "red-1"):
        lab.plug(host, lab.guests[name])
    state = host.run_directory / "state"
    state.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", state])
    try:
        host.start_dataplane()
        host.start_agent()
        host.push(GoalState.example(1))
        for name in ("green-1", "red-1"):
            host.wait_for_port(name)
            lab.guests[name].lease()
        assert lab.guests["green-1"].reaches(lab.guests["red-1"].address)
        traffic = NumberedTraffic(lab.directory, lab.guests["green-1"], lab.guests["red-1"], rate=250)
        pushed: list[str] = []
        acknowledged: list[str] = []
        answer = ""
        while "FAILURE" not in answer:
            assert len(pushed) < 10000, "the disk is not full yet"
            acknowledged = list(pushed)
            addresses = [f"10.1.{8 + len(pushed) // 250}.{1 + i}" for i in range(250)]
            answer = host.push(neighbors(addresses), check=False)
            pushed += addresses
        assert set(pushed) <= host.programmed_neighbors()
        assert host.agent.running
        assert "no room" in host.console.agent()["state_problem"]
        assert host.console.events("state_not_stored")

        # The next agent finds the disk as full.
        host.agent.kill()
        host.start_agent()
        wait_until(lambda: host.console.agent()["in_sync"], "the next agent is in sync", timeout=30)
        assert set(acknowledged) <= host.programmed_neighbors()
        assert "FAILURE" in host.push(neighbors(pushed), check=False), "the disk is as full as before"
        assert set(pushed) <= host.programmed_neighbors()
        assert "no room" in host.console.agent()["state_problem"]
        assert host.console.events("state_not_stored")

        run(["mount", "-o", "remount,size=16m", state])
        wait_until(lambda: not host.console.agent()["state_problem"], "all is kept again", timeout=60)
        assert host.console.events("state_stored")
        sent, lost = traffic.end()
        assert len(sent) > 250 and not lost, f"{len(lost)} of {len(sent)} packets were lost"
        assert "FAILURE" not in host.push(neighbors(pushed[-250:]))
        for process in (host.agent, host.dataplane):
            process.kill()
        host.start_dataplane()
        host.start_agent()
        wait_until(lambda: set(pushed) <= host.programmed_neighbors(), "the next data plane holds all of them",
                   timeout=30)
        host.agent.stop()
    finally:
        run(["umount", "--lazy", state])


def test_a_damaged_file_is_told(host: Host) -> None:
    """The agent names the file and the way out and doesn't start; without the file it does, and nothing is lost."""
    before = host.programmed_neighbors()
    host.agent.kill()
    file = host.run_directory / "state" / "state.mdb"
    file.write_bytes(b"\xff" * file.stat().st_size)
    second = Process("agent with a damaged file", host.namespace, [
        program("alkaid-agent"), "--run-dir", host.run_directory, "--state-dir", file.parent, "--port", "50009",
        *host.agent_channel], host.log_path("damaged"))
    assert second.wait(20) == 1
    assert f"mv {file}" in second.log, second.log
    file.rename(file.with_suffix(".old"))
    host.start_agent()
    assert host.programmed_neighbors() == before
    assert host.console.agent()["unclaimed_objects"] > 0
