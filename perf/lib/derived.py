"""Rows of the table that follow from the results of several lines, or from another value of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .lines import Goal

Measured = dict[str, Any]
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


def _added(measured: Measured) -> Values:
    with_policy, plain = (_results(measured, line, "flows") for line in ("encap", "encap-plain"))
    for flows in sorted(plain.keys() & with_policy.keys()):
        yield f"{flows:,} flows", round(with_policy[flows]["cycles_per_packet"] - plain[flows]["cycles_per_packet"], 1)


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


def _scaling(one: str, two: str) -> Callable[[Measured], Values]:
    def values(measured: Measured) -> Values:
        ones, twos = (_results(measured, line, "flows") for line in (one, two))
        for flows in sorted(twos.keys() & ones.keys()):
            yield f"{flows:,} flows", round(twos[flows]["packets_per_second"] / ones[flows]["packets_per_second"], 2)
    return values


def _times_the_peer(line: str) -> Callable[[Measured], Values]:
    def values(measured: Measured) -> Values:
        for flows, result in sorted(_results(measured, line, "flows").items()):
            yield f"{flows:,} flows", result["ratio"]
    return values


def _idle_ports(measured: Measured) -> Values:
    cycles = {ports: result["cycles_per_packet"] for ports, result in _results(measured, "vhost-ports", "ports").items()}
    for ports in sorted(cycles.keys() - {1}):
        yield f"{ports - 1} idle ones", round(cycles[ports] - cycles[1], 1)


_POLICY, _RULES, _SCALING, _VHOST = Goal(55, 35), Goal(2, 1.3), Goal(1.8, 1.95), Goal(2)
DERIVED = [
    Derived("what security groups and conntrack add, guest to wire", _added, _POLICY, "cycles"),
    Derived("cost of a new connection, by rules", _more_rules("connections"), _RULES, "times"),
    Derived("the same, IPv6", _more_rules("connections-ipv6"), _RULES, "times"),
    Derived("memory of a connection", _memory("connections"), Goal(192, 152), "bytes"),
    Derived("the same, IPv6", _memory("connections-ipv6"), Goal(256, 216), "bytes"),
    Derived("two workers against one: disjoint flows, guest to wire", _scaling("encap", "encap-two-workers"), _SCALING,
            "times"),
    Derived("two workers against one: both directions of the same flows", _scaling("one-worker", "two-workers"),
            _SCALING, "times"),
    Derived("guest by vhost-user to wire: the peer's cycles by ours", _times_the_peer("vhost"), _VHOST, "times"),
    Derived("guest by vhost-user: what idle ones add", _idle_ports, Goal(), "cycles"),
]
