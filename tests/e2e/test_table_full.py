"""A full table: what has no room waits, is shown, and comes in as soon as there is room; one that fills is told of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lab import GoalState, Host, Lab, wait_until
from lab.frames import GATEWAYS, IP, UDP, Ether, Raw

NEIGHBORS = 64  # wanted
CAPACITY = 16   # asked for; the table may be a little larger
CONNECTIONS = 1024


@pytest.fixture(name="host")
def make_host() -> Iterator[Host]:
    """A host whose neighbor table is small."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        host.start_dataplane("--max-neighbors", str(CAPACITY))
        host.start_agent()
        yield host
    finally:
        lab.close()


def neighbors(numbers: range, operation: str = "CREATE") -> GoalState:
    """Neighbors 10.1.0.N, and their subnet."""
    made = GoalState({})
    made.add("subnet", "green", {"id": "green", "vpc_id": "vpc", "cidr": "10.1.0.0/24", "tunnel_id": 1001}, "INFO")
    for number in numbers:
        made.add("neighbor", f"n{number}", {
            "id": f"n{number}", "mac_address": f"02:00:00:00:00:{number:02x}", "host_ip_address": "10.0.0.2",
            "fixed_ips": [{"subnet_id": "green", "ip_address": f"10.1.0.{number}"}]}, operation)
    return made


def count(host: Host) -> dict[str, Any]:
    """Wanted, applied and pending neighbors."""
    return next(row for row in host.console.json("show", "config")["resources"] if row["type"] == "NEIGHBOR")


def test_what_has_no_room_waits_and_comes_in_later(host: Host) -> None:
    """64 neighbors on a table for 16: the others wait; with every delete as many come in; nothing is lost."""
    answer = host.push(neighbors(range(1, NEIGHBORS + 1)))
    assert "PENDING" in answer and "FAILURE" not in answer
    room = len(host.programmed_neighbors())
    assert CAPACITY <= room < NEIGHBORS
    waiting = count(host)
    assert (waiting["wanted"], waiting["applied"], waiting["pending"]) == (NEIGHBORS, room, NEIGHBORS - room)
    problems = [problem for problem in host.console.problems("pending") if problem["resource_type"] == "NEIGHBOR"]
    assert len(problems) == NEIGHBORS - room
    assert all("no room" in problem["message"] for problem in problems)
    assert not host.console.agent()["in_sync"]
    assert len(host.console.events("table_full")) == 1

    # Some go: as many come in, without another push.
    gone = sorted(int(address.rsplit(".", 1)[1]) for address in host.programmed_neighbors())[:5]
    for number in gone:
        host.push(neighbors(range(number, number + 1), "DELETE"))
    wait_until(lambda: len(host.programmed_neighbors()) == room, "the table is full again")
    assert count(host)["pending"] == NEIGHBORS - room - len(gone)
    assert not host.console.events("table_has_room")

    # Enough go: all that is left is programmed, and that is said.
    rest = [number for number in range(1, NEIGHBORS + 1) if number not in gone]
    keep = rest[-CAPACITY:]
    for number in rest[:-CAPACITY]:
        host.push(neighbors(range(number, number + 1), "DELETE"))
    wait_until(lambda: host.programmed_neighbors() == {f"10.1.0.{number}" for number in keep}, "the rest is programmed")
    wait_until(lambda: host.console.agent()["in_sync"], "in sync")
    assert count(host)["pending"] == 0
    assert len(host.console.events("table_has_room")) == 1


def test_agent_that_comes_back_to_a_full_table_loses_nothing(host: Host) -> None:
    """A restarted agent is told everything again: what is programmed stays, the rest waits."""
    host.push(neighbors(range(1, NEIGHBORS + 1)))
    before = host.programmed_neighbors()
    assert host.agent is not None
    host.agent.kill()
    host.start_agent()
    host.push(neighbors(range(1, NEIGHBORS + 1)))
    assert host.programmed_neighbors() == before
    assert count(host)["pending"] == NEIGHBORS - len(before)
    first = sorted(before)[0].rsplit(".", 1)[1]
    host.push(neighbors(range(int(first), int(first) + 1), "DELETE"))
    wait_until(lambda: len(host.programmed_neighbors() - before) == 1, "another one came in")


def test_traffic_that_fills_the_connection_table_is_told_of() -> None:
    """Above 80 % and below 75 % again: in the data plane's log, and as the agent's events with the direction."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11")
        lab.add_guest(host, "red-1", "02:00:00:00:02:11", "10.2.0.11")
        dataplane = host.start_dataplane("--connections", str(CONNECTIONS))
        host.start_agent()
        lab.apply_examples()

        def used() -> int:
            tables = host.console.json("show", "tables")["tables"]
            return next(int(table["used"]) for table in tables if table["name"] == "connections IPv4")

        def fill(connections: int) -> None:
            frames = [bytes(Ether(src="02:00:00:00:01:11", dst=GATEWAYS["green"][1])
                            / IP(src="10.1.0.11", dst="10.2.0.11") / UDP(sport=10_000 + i, dport=53) / Raw(bytes(20)))
                      for i in range(connections)]

            def are_known() -> bool:
                lab.guests["green-1"].send_frames(frames)
                return used() >= connections
            wait_until(are_known, f"{connections} connections", timeout=30)

        fill(CONNECTIONS // 2)
        assert not host.console.events("table_nearly_full")
        fill(CONNECTIONS * 9 // 10)
        event = wait_until(lambda: host.console.events("table_nearly_full"), "the event")[0]
        assert "connections IPv4 is at least 80 % full" in event["message"] and f"of {CONNECTIONS})" in event["message"]
        dataplane.wait_for_log("connections IPv4 is more than 80 % full")
        assert not host.console.events("table_calm")

        host.console.json("flush", "conntrack")
        event = wait_until(lambda: host.console.events("table_calm"), "the event")[0]
        assert "connections IPv4 is less than 75 % full again" in event["message"]
        dataplane.wait_for_log("connections IPv4 is less than 75 % full again")
        assert len(host.console.events("table_nearly_full")) == len(host.console.events("table_calm")) == 1
    finally:
        lab.close()
