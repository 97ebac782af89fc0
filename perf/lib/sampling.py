"""Samples of what packets cost, and what they have to be to count."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.shell import LabError

from .subject import Counters

# Counters of different ports are not read at the same instant.
_TOLERATED_PART = 0.005
_TOLERATED_PACKETS = 65536
# Workers hand packets over to each other without waiting: the slower one loses some of what the faster one took.
_TOLERATED_PART_OF_SEVERAL = 0.02


@dataclass(frozen=True)
class Sample:
    """Packets and cycles of some time."""

    packets: int
    cycles: int
    seconds: float
    sent_per_second: float
    lost: float        # part of the packets received that did not leave
    cpu_share: float  # of its CPU; less: something else ran there

    @property
    def cycles_per_packet(self) -> float:
        """TSC cycles that workers were busy, by packets received."""
        return self.cycles / self.packets


def between(before: Counters, after: Counters) -> Sample:
    """The sample between two readings. Raises LabError if nothing was received."""
    packets = after.packets - before.packets
    if packets <= 0:
        raise LabError("no packet was received")
    seconds = after.time - before.time
    received, sent = after.received - before.received, after.sent - before.sent
    return Sample(packets, after.busy_cycles - before.busy_cycles, seconds,
                  sent / seconds, max(0.0, 1 - sent / received) if received else 0.0,
                  min(1.0, (after.run_time - before.run_time) / seconds))


def drops_between(before: Counters, after: Counters) -> dict[str, int]:
    """Packets dropped between two readings, by reason; reasons without any are left out."""
    drops = {reason: after.drops[reason] - before.drops.get(reason, 0) for reason in after.drops}
    return {reason: count for reason, count in drops.items() if count > 0}


def require_nothing_lost(before: Counters, after: Counters, workers: int = 1, *, but_for: str = "") -> None:
    """Raises LabError unless every packet that came in went out, of several workers all but a few.

    but_for: a reason for which packets may be dropped.
    """
    drops = drops_between(before, after)
    received, sent = after.received - before.received - drops.pop(but_for, 0), after.sent - before.sent
    part = _TOLERATED_PART if workers == 1 else _TOLERATED_PART_OF_SEVERAL
    if sum(drops.values()) > (0 if workers == 1 else received * part):
        raise LabError(f"packets were dropped: {drops}")
    if abs(received - sent) > max(_TOLERATED_PACKETS, int(received * part)):
        raise LabError(f"{received:,} packets came in and {sent:,} went out")


def median(samples: Sequence[Sample]) -> float:
    """The median of cycles per packet, to one decimal."""
    return round(statistics.median(sample.cycles_per_packet for sample in samples), 1)


class NodeCosts:
    """What each node of the graph costs, over the rounds of a measurement (not over the pauses between them)."""

    _FEW_PACKETS = 10000

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}
        self._packets: Counter[str] = Counter()
        self._cycles: Counter[str] = Counter()

    def begin(self, nodes: dict[str, Any]) -> None:
        """A round begins: nodes by name as the console shows them."""
        self._before = nodes

    def end(self, nodes: dict[str, Any]) -> None:
        """A round ends."""
        for name, node in nodes.items():
            self._packets[name] += int(node["packets"]) - int(self._before[name]["packets"])
            self._cycles[name] += int(node["cycles"]) - int(self._before[name]["cycles"])

    def cycles_per_packet(self) -> dict[str, float]:
        """Of the packets that passed each node; nodes that hardly a packet passed are left out."""
        return {name: round(self._cycles[name] / packets, 1) for name, packets in self._packets.items()
                if packets > self._FEW_PACKETS}
