"""From the wire to a guest by vhost-user: bulk TCP, whose segments are put together if the guest's driver takes large packets."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lab.namespace import Namespace
from lab.shell import LabError

from . import machine
from .sampling import NodeCosts, Sample, between, drops_between, median
from .scenario import GUEST, UPLINK, Line, Scenario, Source
from .segments import segment_frames
from .vhost import Receiver, VhostSubject, memory_of

ROUNDS = 3          # of each of both, by turns, each with processes of its own
SEGMENTS = 4096     # of the loop, at least
MTU = 1450
SETTLE = 1.0
MOST_LOST = 0.5     # part of the segments for which the guest had no room; it shares its core


class Delivery(Scenario):
    """Segments of some connections in turn, from the wire."""

    def __init__(self, flows: int, family: int) -> None:
        super().__init__(Line("decap", flows, family=family))
        self.sources = [Source(UPLINK, self._segments, list(range(flows * -(-SEGMENTS // flows))))]

    def _segments(self, numbers: Iterable[int]) -> Iterator[bytes]:
        for_inner, for_outer = itertools.tee(numbers)
        frames = segment_frames(self.remote("green"), self.guest, MTU, self.line.flows, for_inner)
        return self.tunnel().wrap(frames, (number % self.line.flows for number in for_outer))


class _Subject(VhostSubject):
    """The data plane with a guest that receives."""

    def __init__(self, namespace: Namespace, directory: Path, scenario: Delivery, *, takes_large: bool) -> None:
        super().__init__(namespace, directory, scenario)
        self._takes_large = takes_large

    def start(self) -> None:
        """Starts everything and returns when packets flow."""
        self.scenario.sources[0].write(self._input(UPLINK))
        self._start_dataplane(True)
        self._start_sockets()
        self._guest = Receiver(self._namespace, self.directory, self._socket(GUEST), takes_large=self._takes_large)
        self._wait_for_guests()
        # Ahead of most, yet these scripts must get on beside it.
        machine.put_ahead(self._guest.pid, niceness=-10)

    def merged(self) -> tuple[int, int]:
        """Segments that were put together, and what they became."""
        merged = self.console.json("show", "vhost")["merged"]
        return merged["segments"], merged["packets"]

    def stop_guest(self) -> float:
        """Ends the guest. How many cycles it was busy for each segment that it was given."""
        delivered = int(self.console.ports()[GUEST]["tx_packets"])
        guest, self._guest = self._guest, None
        assert isinstance(guest, Receiver)
        guest.stop()
        return guest.busy_cycles() / delivered


class _Rounds:
    """What all rounds with the guest of one kind have shown."""

    def __init__(self, *, takes_large: bool) -> None:
        self.takes_large = takes_large
        self._samples: list[Sample] = []
        self._nodes = NodeCosts()
        self._lost: list[float] = []
        self._together: list[float] = []      # segments in a large packet
        self._guest_cycles: list[float] = []  # of the guest, by segments

    def measure(self, namespace: Namespace, directory: Path, scenario: Delivery, seconds: float) -> None:
        """One more."""
        subject = _Subject(namespace, directory, scenario, takes_large=self.takes_large)
        with machine.Hugepages(subject.memory + memory_of(0, 0)):
            try:
                subject.start()
                time.sleep(SETTLE)
                # To look takes from the guest's core: as little of it as can be is within the time.
                self._nodes.begin(subject.nodes())
                merged_before, before = subject.merged(), subject.counters()
                time.sleep(seconds)
                after, merged_after = subject.counters(), subject.merged()
                self._nodes.end(subject.nodes())
                guest_cycles = subject.stop_guest()
            finally:
                subject.stop()
        dropped = drops_between(before, after)
        sample = between(before, after)
        if set(dropped) - {"egress_queue_full"} or sample.lost > MOST_LOST:
            raise LabError(f"of {after.received - before.received:,} segments {sample.lost:.1%} didn't reach the guest: {dropped}")
        segments, packets = (now - then for now, then in zip(merged_after, merged_before))
        self._samples.append(sample)
        self._lost.append(sample.lost)
        self._together.append(segments / packets if packets else 0.0)
        self._guest_cycles.append(guest_cycles)

    def result(self) -> dict[str, Any]:
        """Medians, and the spread of what the data plane needs."""
        cycles = [sample.cycles_per_packet for sample in self._samples]
        rate = statistics.median(sample.sent_per_second for sample in self._samples)
        return {"merging": self.takes_large, "cycles_per_packet": median(self._samples), "least": round(min(cycles), 1),
                "most": round(max(cycles), 1), "packets_per_second": round(rate),
                "gigabits_per_second": round(rate * MTU * 8 / 1e9, 1),
                "segments_of_large_packet": round(statistics.median(self._together), 1),
                "guest_cycles_per_segment": round(statistics.median(self._guest_cycles), 1),
                "lost": round(max(self._lost), 4), "nodes": self._nodes.cycles_per_packet(),
                "cpu_share": round(min(sample.cpu_share for sample in self._samples), 3), "load": machine.load()}


def measure(namespace: Namespace, directory: Path, flows: int, family: int, seconds: float) -> list[dict[str, Any]]:
    """With a guest that takes large packets and with one that doesn't, `seconds` each in all. Raises LabError if a figure would
    not count."""
    scenario = Delivery(flows, family)
    both = [_Rounds(takes_large=True), _Rounds(takes_large=False)]
    for number in range(ROUNDS):
        for rounds in both:
            rounds.measure(namespace, directory / f"{number}-{rounds.takes_large}", scenario, seconds / ROUNDS)
    return [{"direction": "deliver", "flows": flows, "rules": 0, "family": family, "ports": 1, **rounds.result()} for rounds in both]
