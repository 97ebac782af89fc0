"""The agents are killed and come back, and nobody pushes anything: no packet is lost, nothing is written twice."""

from __future__ import annotations

import json
import time

from lab import GoalState, Lab, wait_until
from lab.programs import PYTHON, TOOLS

PORT = 9000
RATE = 1000
SECONDS = 20
DOWN_SECONDS = 10


def test_no_packet_is_lost_and_nothing_is_written_again(leased: Lab) -> None:
    """1,000 numbered packets a second for 20 s; both agents are killed (-9) and down for 10 s of them."""
    source, sink = leased.guests["green-1"], leased.guests["red-2"]
    assert source.ping(sink.address).received == 3
    operations = {host: host.console.operations() for host in leased.hosts.values()}
    assert all(count > 0 for count in operations.values())

    receiver = sink.start([PYTHON, TOOLS / "receive_numbered.py", sink.address, str(PORT)], "receiver")
    receiver.wait_for_log("ready")
    sender = source.start([PYTHON, TOOLS / "send_numbered.py", sink.address, str(PORT), str(RATE), str(SECONDS)],
                          "sender")
    time.sleep(3)
    for host in leased.hosts.values():
        host.agent.kill()
    time.sleep(DOWN_SECONDS)
    # Without an agent the data plane forwards, and can be looked at.
    for host in leased.hosts.values():
        assert not host.agent.running
        assert host.console.operations() == operations[host]
    for host in leased.hosts.values():
        host.start_agent()
    assert sender.running, "the agents did not come back while packets flowed"
    assert sender.wait(SECONDS) == 0
    receiver.wait(20)

    report = json.loads(receiver.log.splitlines()[-1])
    assert report == {"received": RATE * SECONDS, "duplicates": 0, "highest": RATE * SECONDS - 1, "missing": []}
    for host in leased.hosts.values():
        wait_until(lambda host=host: host.console.agent()["in_sync"], f"{host} is in sync")
        assert host.console.operations() == operations[host]
        assert host.console.agent()["unclaimed_objects"] == 0
        assert not host.console.problems("pending") and not host.console.problems("refused")


def test_pushing_the_same_state_again_writes_nothing(leased: Lab) -> None:
    """A repeated goal state is recognized without any restart too."""
    for host in leased.hosts.values():
        before = host.console.operations()
        for _ in range(3):
            host.push(GoalState.example(host.number))
        assert host.console.operations() == before


def test_a_data_plane_that_comes_back_empty_is_programmed_again(leased: Lab) -> None:
    """kill -9 of a data plane: its agent replays everything to the next one, without a push."""
    host = leased.hosts[2]
    host.dataplane.kill()
    assert leased.guests["green-1"].ping("10.1.0.12", count=1).received == 0
    host.start_dataplane()
    host.wait_for_port("green-2", timeout=20)
    assert leased.guests["green-1"].reaches("10.1.0.12")
    assert leased.guests["green-1"].reaches("10.2.0.12")
