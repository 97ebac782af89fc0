"""The I/O floor: DPDK's testpmd receives the same capture file on the same core and sends it into a sink, nothing else."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from lab.namespace import Namespace
from lab.process import Process
from lab.shell import LabError, wait_until

from . import machine
from .scenario import Scenario
from .testpmd import BUFFERS, PROGRAM, memory_of_buffers, prompted, require_testpmd

_MIB = 128
# fwd_stats_display() in DPDK's app/test-pmd/testpmd.c
_COST = re.compile(r"CPU cycles/packet=([\d.]+)")


def can_have_floor(scenario: Scenario) -> bool:
    """Whether there is one loop and one core."""
    return scenario.line.workers == 1 and len(scenario.sources) == 1


class IoFloor:
    """One testpmd in mode "io", told by its prompt when to forward."""

    def __init__(self, namespace: Namespace, directory: Path, scenario: Scenario) -> None:
        self._namespace = namespace
        self._directory = directory
        self._source = scenario.sources[0]
        self._process: Process | None = None
        self._prompt = -1
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def memory(self) -> int:
        """What it needs of hugepages, in MiB."""
        return _MIB + memory_of_buffers(BUFFERS + len(self._source.flows))

    def start(self) -> None:
        """Starts it; it forwards nothing before it is asked for a sample."""
        require_testpmd()
        loop, prompt = self._directory / "in.pcap", self._directory / "prompt"
        self._source.write(loop)
        os.mkfifo(prompt)
        self._process = Process("testpmd", self._namespace, prompted(prompt, [
            PROGRAM, "--no-pci", "--no-telemetry", "--in-memory",
            "--lcores", f"0@{machine.CONTROL_CPU},1@{machine.MEASURED_CPU}",
            "--vdev", f"net_pcap0,rx_pcap={loop},infinite_rx=1", "--vdev", "net_null0,no-rx=1", "--",
            f"--total-num-mbufs={BUFFERS + len(self._source.flows)}", "--forward-mode=io", "--record-core-cycles"]),
            self._directory / "testpmd.log")
        self._process.wait_for_log("testpmd> ", timeout=60)
        machine.put_ahead(self._process.pid)
        self._prompt = os.open(prompt, os.O_WRONLY)

    def sample(self, seconds: float) -> float:
        """Cycles per packet of some seconds."""
        assert self._process is not None
        seen = len(_COST.findall(self._process.log))
        os.write(self._prompt, b"start\n")
        time.sleep(seconds)
        os.write(self._prompt, b"stop\n")
        wait_until(lambda: self._process is not None and len(_COST.findall(self._process.log)) > seen,
                   "testpmd tells what a packet cost", timeout=20)
        cost = float(_COST.findall(self._process.log)[seen])
        if cost <= 0:
            raise LabError("testpmd forwarded nothing")
        return cost

    def pause(self) -> None:
        """Between samples it forwards nothing."""

    def resume(self) -> None:
        """It waits for the next sample."""

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.stop()
            self._namespace.processes.remove(self._process)
            self._process = None
        if self._prompt >= 0:
            os.close(self._prompt)
            self._prompt = -1
