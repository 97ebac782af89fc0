"""One line of the table: the data plane and its peer in turns on one core."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from lab.namespace import Namespace

from . import machine
from .floor import IoFloor, can_have_floor
from .ovs import OpenVSwitch, can_be_peer
from .program import progress
from .sampling import NodeCosts, Sample, between, median, require_nothing_lost
from .scenario import Line, Scenario
from .subject import Subject
from .verify import compare_sample

ROUNDS = 5
_SETTLE = 0.3           # after a pause, until caches are warm
_FLOWS_PER_SECOND = 5e5  # while connections are made for the first time


class Rival(Protocol):
    """What is measured in turns with the data plane, on the same core."""

    memory: int

    def start(self) -> None:
        """Starts it."""

    def sample(self, seconds: float) -> float:
        """Cycles per packet of some seconds."""

    def pause(self) -> None:
        """Leaves the core to the others."""

    def resume(self) -> None:
        """Takes it back."""

    def stop(self) -> None:
        """Ends it."""


def measure_line(namespace: Namespace, directory: Path, line: Line, peer: str, seconds: float, *,
                 floor: bool = False) -> dict[str, Any]:
    """Compares a sample, then measures for `seconds` in rounds. Raises LabError if a figure would not count.

    floor: the I/O floor is measured, too.
    """
    scenario = Scenario(line)
    subject = Subject(namespace, directory / "run", scenario)
    rival = OpenVSwitch(namespace, directory / "ovs", scenario) if peer == "ovs" and can_be_peer(line) else None
    io_floor = IoFloor(namespace, directory / "floor", scenario) if floor and can_have_floor(scenario) else None
    rivals: list[Rival] = [other for other in (rival, io_floor) if other is not None]
    with machine.Hugepages(subject.memory + sum(other.memory for other in rivals)):
        compared = compare_sample(namespace, directory / "sample", scenario)
        try:
            subject.start()
            time.sleep(1 + line.flows / _FLOWS_PER_SECOND)
            if rivals:
                subject.pause()
                for other in rivals:
                    other.start()
                    other.pause()
                subject.resume()
                time.sleep(1)
            result, theirs = _take_turns(subject, rivals, seconds / ROUNDS)
            return {**result, **_compared(result, rival, theirs), "io_floor": theirs.get(io_floor),
                    "compared_flows": compared}
        finally:
            subject.resume()
            subject.stop()
            for other in rivals:
                other.stop()


def _compared(result: dict[str, Any], rival: OpenVSwitch | None, theirs: dict[Rival | None, float]) -> dict[str, Any]:
    """The peer's part of the result."""
    if rival is None:
        return {"peer": None, "peer_setting": None, "peer_cycles_per_packet": None, "ratio": None}
    return {"peer": rival.name, "peer_setting": rival.setting, "peer_cycles_per_packet": theirs[rival],
            "ratio": round(theirs[rival] / result["cycles_per_packet"], 2)}


def _take_turns(subject: Subject, rivals: Sequence[Rival],
                seconds: float) -> tuple[dict[str, Any], dict[Rival | None, float]]:
    """A B A B ...: rounds of `seconds` each. Ours, and the medians of the others."""
    ours: list[Sample] = []
    theirs: dict[Rival, list[float]] = {rival: [] for rival in rivals}
    nodes = NodeCosts()
    for _ in range(ROUNDS):
        nodes.begin(subject.nodes())
        before = subject.counters()
        time.sleep(seconds)
        after = subject.counters()
        nodes.end(subject.nodes())
        require_nothing_lost(before, after, subject.scenario.line.workers)
        ours.append(between(before, after))
        if rivals:
            subject.pause()
            for rival in rivals:
                rival.resume()
                time.sleep(_SETTLE)
                theirs[rival].append(rival.sample(seconds))
                rival.pause()
            subject.resume()
            time.sleep(_SETTLE)
    line = subject.scenario.line
    share = min(sample.cpu_share for sample in ours)
    if share < 0.97:
        progress(f"note: something else had {1 - share:.0%} of the worker's CPU; the figure is too high by as much")
    return {
        "direction": line.direction, "flows": line.flows, "rules": line.rules if line.policy else 0,
        "family": line.family, "workers": line.workers, "policy": line.policy,
        "cycles_per_packet": median(ours),
        "least": round(min(sample.cycles_per_packet for sample in ours), 1),
        "most": round(max(sample.cycles_per_packet for sample in ours), 1),
        "packets_per_second": round(statistics.median(sample.sent_per_second for sample in ours)),
        "lost_percent": round(100 * statistics.median(sample.lost for sample in ours), 2),
        "nodes": nodes.cycles_per_packet(),
        "cpu_share": round(share, 3), "load": machine.load(),
    }, {rival: round(statistics.median(samples), 1) for rival, samples in theirs.items()}
