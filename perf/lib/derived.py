"""Rows of the table that follow from the results of several lines, or from another value of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .lines import Goal

Measured = dict[str, Any]
# Of fewer the heap's own room is more than they are.
_ENOUGH_NEIGHBORS = 100_000
_NEIGHBORS = "{neighbors:,} neighbors"
# What is compared, and the value; nothing where a line was not measured.
Values = Iterator[tuple[str, float]]


@dataclass(frozen=True)
class Derived:
    """Rows with the same title and goal."""

    title: str
    values: Callable[[Measured], Values]
    goal: Goal
    unit: str


def _results(measured: Measured, line: str, key: str) -> dict[int, dict[str, Any]]:
    """The results of a line by flows or rules."""
    return {result[key]: result for result in measured.get(line, {}).get("results", [])}


def _added(with_groups: str, without: str) -> Callable[[Measured], Values]:
    def values(measured: Measured) -> Values:
        grouped, plain = (_results(measured, line, "flows") for line in (with_groups, without))
        for flows in sorted(plain.keys() & grouped.keys()):
            yield f"{flows:,} flows", round(grouped[flows]["cycles_per_packet"] - plain[flows]["cycles_per_packet"], 1)
    return values


def _more_rules(line: str) -> Callable[[Measured], Values]:
    def values(measured: Measured) -> Values:
        cycles = {rules: result["cycles_per_connection"] for rules, result in _results(measured, line, "rules").items()}
        if cycles.get(10) and cycles.get(10000):
            yield "10,000 rules / 10", round(cycles[10000] / cycles[10], 2)
    return values


def _memory(line: str) -> Callable[[Measured], Values]:
    def values(measured: Measured) -> Values:
        most = max((result["bytes_per_connection"] for result in _results(measured, line, "rules").values()), default=None)
        if most is not None:
            yield "a full table", most
    return values


def _value(line: str, key: str, case: str) -> Callable[[Measured], Values]:
    """Another value of a line's results than the one that it shows."""
    def values(measured: Measured) -> Values:
        for result in measured.get(line, {}).get("results", []):
            yield case.format(**result), result[key]
    return values


def _addition(measured: Measured) -> Values:
    first, last = (measured.get(line, {}).get("results", []) for line in ("goal-addition-first", "goal-addition"))
    if first and last:
        yield "1,000,000 / 1,000", round(last[0]["milliseconds"] / first[0]["milliseconds"], 2)


def _agent_memory(measured: Measured) -> Values:
    for neighbors, result in sorted(_results(measured, "goal-states", "neighbors").items()):
        if neighbors >= _ENOUGH_NEIGHBORS:
            yield f"{neighbors:,} neighbors", result["agent_bytes_per_neighbor"]


def _times_the_peer(line: str, ratio: str) -> Callable[[Measured], Values]:
    def values(measured: Measured) -> Values:
        for flows, result in sorted(_results(measured, line, "flows").items()):
            yield f"{flows:,} flows", result[ratio]
    return values


def _idle_ports(measured: Measured) -> Values:
    cycles = {ports: result["cycles_per_packet"] for ports, result in _results(measured, "vhost-ports", "ports").items()}
    for ports in sorted(cycles.keys() - {1}):
        yield f"{ports - 1} idle ones", round(cycles[ports] - cycles[1], 1)


_POLICY, _RULES, _VHOST = Goal(55, 35), Goal(2, 1.3), Goal(2, is_least=True)
DERIVED = [
    Derived("what security groups add where connections are tracked anyhow, guest to wire", _added("encap", "encap-plain"),
            _POLICY, "cycles"),
    Derived("the same, IPv6", _added("encap-ipv6", "encap-plain-ipv6"), _POLICY, "cycles"),
    Derived("cost of a new connection, by rules", _more_rules("connections"), _RULES, "times"),
    Derived("the same, IPv6", _more_rules("connections-ipv6"), _RULES, "times"),
    Derived("memory of a connection", _memory("connections"), Goal(192, 152), "bytes"),
    Derived("the same, IPv6", _memory("connections-ipv6"), Goal(256, 216), "bytes"),
    Derived("guest by vhost-user to wire: the peer's cycles by ours", _times_the_peer("vhost", "ratio"), _VHOST, "times"),
    Derived("guest by vhost-user to wire: our packets per second by the peer's", _times_the_peer("vhost", "rate_ratio"), _VHOST,
            "times"),
    Derived("guest by vhost-user: what idle ones add", _idle_ports, Goal(), "cycles"),
    Derived("a machine's large TCP packets to wire, left to the uplink's card: of a segment",
            _value("segmentation", "card_cycles_per_segment", "{segments} a packet"), Goal(), "cycles"),
    Derived("a connection taken back from a network card by a change of policy", _value("offload", "remove_cycles",
            "{connections:,} connections"), Goal(), "cycles"),
    Derived("rules encoded and handed over to a network card", _value("offload", "rules_per_second", "{connections:,} connections"),
            Goal(), "per second"),
    Derived("one more neighbor, by those that there are", _addition, Goal(1.3), "times"),
    Derived("the agent's memory of a neighbor", _agent_memory, Goal(400), "bytes"),
    Derived("first packets to destinations learnt on demand that were lost",
            _value("on-demand", "lost", "{destinations:,} destinations"), Goal(0), "packets"),
    Derived("a killed agent: objects that the next one writes", _value("restart", "agent_operations", _NEIGHBORS), Goal(0),
            "objects"),
    Derived("a killed data plane: until the next one holds all", _value("restart", "refilled_milliseconds", _NEIGHBORS),
            Goal(2000), "ms"),
    Derived("an agent's peak memory with the largest goal state", _value("largest", "agent_peak_mib", "{served_mib:,} MiB"),
            Goal(), "MiB"),
]
