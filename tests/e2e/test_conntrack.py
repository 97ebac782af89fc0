"""Connections of two guests on two hosts as operators see them: shown, flushed, with time-outs to set."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab, wait_until
from lab.console import Console
from lab.shell import LabError, run

TCP, ICMP = 6, 1


def connections(console: Console, *words: str) -> list[dict[str, Any]]:
    """What `show conntrack` lists."""
    return console.json("show", "conntrack", *words)["connections"]


@pytest.fixture(scope="module")
def console(leased: Lab) -> Console:
    """Host 1's console, after a ping and a TCP connection from green-1 to green-2 on the other host."""
    leased.guests["green-2"].iperf3_server()
    assert leased.guests["green-1"].ping("10.1.0.12").received == 3
    leased.guests["green-1"].iperf3("10.1.0.12", seconds=1)
    return leased.hosts[1].console


def test_connections_are_shown(console: Console) -> None:
    """Both ends, both directions' packets, and the largest one first."""
    ping = connections(console, "protocol", "icmp", "port", "green-1")[0]
    assert ping["state"] == "two_way"
    assert ping["original"]["source"] == "10.1.0.11"
    assert ping["original"]["ingress"] == "green-1"
    assert ping["reply"]["ingress"] == ""
    assert (ping["original"]["packets"], ping["reply"]["packets"]) == (3, 3)
    largest = connections(console, "top", "1")
    assert len(largest) == 1
    assert largest[0]["protocol"] == TCP
    assert largest[0]["original"]["destination_port"] == 5201
    assert largest[0]["bytes"] > 100_000
    assert "10.1.0.12:5201" in console.text("show", "conntrack", "l4-port", "5201")


def test_filters(console: Console) -> None:
    """A filter shows what meets all its conditions."""
    assert {entry["protocol"] for entry in connections(console, "protocol", "tcp")} == {TCP}
    assert connections(console, "address", "10.1.0.0/24", "protocol", "icmp", "vni", "1001")
    assert not connections(console, "address", "192.0.2.0/24")
    assert not connections(console, "vni", "1002", "protocol", "tcp")
    for words, text in ((("port", "nowhere"), "nowhere"), (("state", "open"), "established")):
        refused = run(console.command("show", "conntrack", *words), check=False)
        assert refused.returncode == 1
        assert text in refused.stderr


def test_summary(console: Console) -> None:
    """The counts are those of the table, and of `show tables`."""
    summary = console.json("show", "conntrack", "summary")
    table = next(table for table in summary["tables"] if table["family"] == "IPv4")
    assert 0 < table["used"] <= table["created"]
    assert table["capacity"] >= 1_000_000
    assert sum(state["connections"] for state in summary["states"]) >= 2
    names = [entry["name"] for entry in console.json("show", "tables")["tables"]]
    assert {"connections IPv4", "connections IPv6"} <= set(names)


def test_flush(leased: Lab, console: Console) -> None:
    """What is flushed is gone; what isn't stays; the guests go on."""
    assert console.json("flush", "conntrack", "protocol", "icmp")["flushed"]["connections"] >= 1
    assert not connections(console, "protocol", "icmp")
    assert connections(console, "protocol", "tcp")
    assert leased.guests["green-1"].ping("10.1.0.12").received == 3
    assert connections(console, "protocol", "icmp")


def test_timeouts(leased: Lab, console: Console) -> None:
    """A time-out holds at once, also for connections that exist."""
    leased.guests["green-1"].ping("10.1.0.12", count=1)
    assert connections(console, "protocol", "icmp")[0]["timeout_milliseconds"] > 5000
    try:
        shown = console.json("set", "conntrack", "timeout", "icmp", "1")["timeouts"]
        assert {"name": "icmp", "seconds": 1, "default_seconds": 30} in shown
        wait_until(lambda: not connections(console, "protocol", "icmp"), "the ping to be forgotten", timeout=10)
    finally:
        console.json("set", "conntrack", "timeout", "icmp", "30")
    with pytest.raises(LabError):
        console.json("set", "conntrack", "timeout", "nonsense", "1")


def test_policy_of_a_port(console: Console) -> None:
    """A port without security groups enforces nothing, and says so."""
    assert console.json("show", "port", "green-1", "policy")["policy"]["enforced"] is False
