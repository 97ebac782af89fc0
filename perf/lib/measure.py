"""One line of the table: the data plane and its peer in turns on one core."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from lab.namespace import Namespace

from . import machine
from .ovs import OpenVSwitch, can_be_peer
from .program import progress
from .sampling import NodeCosts, Sample, between, median, require_nothing_lost
from .scenario import Line, Scenario
from .subject import Subject
from .verify import compare_sample

ROUNDS = 5
_SETTLE = 0.3           # after a pause, until caches are warm
_FLOWS_PER_SECOND = 5e5  # while connections are made for the first time


def measure_line(namespace: Namespace, directory: Path, line: Line, peer: str, seconds: float) -> dict[str, Any]:
    """Compares a sample, then measures for `seconds` in rounds. Raises LabError if a figure would not count."""
    scenario = Scenario(line)
    subject = Subject(namespace, directory / "run", scenario)
    rival = OpenVSwitch(namespace, directory / "ovs", scenario) if peer == "ovs" and can_be_peer(line) else None
    with machine.Hugepages(subject.memory + (rival.memory if rival else 0)):
        compared = compare_sample(namespace, directory / "sample", scenario)
        try:
            subject.start()
            time.sleep(1 + line.flows / _FLOWS_PER_SECOND)
            if rival is not None:
                subject.pause()
                rival.start()
                rival.pause()
                subject.resume()
                time.sleep(1)
            return {**_take_turns(subject, rival, seconds / ROUNDS), "compared_flows": compared}
        finally:
            subject.resume()
            subject.stop()
            if rival is not None:
                rival.stop()


def _take_turns(subject: Subject, rival: OpenVSwitch | None, seconds: float) -> dict[str, Any]:
    """A B A B ...: rounds of `seconds` each."""
    ours: list[Sample] = []
    theirs: list[float] = []
    nodes = NodeCosts()
    for _ in range(ROUNDS):
        nodes.begin(subject.nodes())
        before = subject.counters()
        time.sleep(seconds)
        after = subject.counters()
        nodes.end(subject.nodes())
        # Workers hand packets over to each other without waiting: the slower one loses some of what the
        # faster one took, and what counts is what left.
        if subject.scenario.line.workers == 1:
            require_nothing_lost(before, after)
        ours.append(between(before, after))
        if rival is not None:
            subject.pause()
            rival.resume()
            time.sleep(_SETTLE)
            theirs.append(rival.sample(seconds))
            rival.pause()
            subject.resume()
            time.sleep(_SETTLE)
    line = subject.scenario.line
    cycles = median(ours)
    peer = round(sorted(theirs)[len(theirs) // 2], 1) if theirs else None
    share = min(sample.cpu_share for sample in ours)
    if share < 0.97:
        progress(f"note: something else had {1 - share:.0%} of the worker's CPU; the figure is too high by as much")
    return {
        "direction": line.direction, "flows": line.flows, "rules": line.rules if line.policy else 0,
        "family": line.family, "workers": line.workers, "policy": line.policy,
        "cycles_per_packet": cycles,
        "least": round(min(sample.cycles_per_packet for sample in ours), 1),
        "most": round(max(sample.cycles_per_packet for sample in ours), 1),
        "packets_per_second": round(statistics.median(sample.sent_per_second for sample in ours)),
        "lost_percent": round(100 * statistics.median(sample.lost for sample in ours), 2),
        "peer": rival.name if rival else None, "peer_setting": rival.setting if rival else None,
        "peer_cycles_per_packet": peer, "ratio": round(peer / cycles, 2) if peer else None,
        "nodes": nodes.cycles_per_packet(),
        "cpu_share": round(share, 3), "load": machine.load(),
    }
