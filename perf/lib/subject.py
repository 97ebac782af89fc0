"""The shipping data plane and agent with their default flags, programmed by goal states, as on a host."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.console import Console
from lab.goal_state import GoalState
from lab.namespace import Namespace
from lab.process import Process
from lab.programs import program
from lab.shell import LabError, run, wait_until

from . import machine
from .host_processes import HostProcesses
from .scenario import OTHER_VTEP, PEER_MAC, PEER_VTEP, UPLINK, VTEP, Scenario

AGENT_PORT = 50001
AGENT_ADDRESS = f"127.0.0.1:{AGENT_PORT}"
_BYTES_PER_BUFFER = 2500
_SPARE_BUFFERS = 16384
_LONGEST_PUSH = 120.0


@dataclass(frozen=True)
class Counters:
    """What the data plane has counted until now."""

    time: float
    packets: int
    busy_cycles: int
    run_time: float
    received: int
    sent: int
    drops: dict[str, int]


def show_all(console: Console, *commands: str) -> list[Any]:
    """What several commands show, from one console: starting one takes longer than an answer."""
    finished = subprocess.run(console.command(as_json=True), input="\n".join(commands) + "\n", capture_output=True,
                              text=True, timeout=60, check=False)
    if finished.returncode != 0:
        raise LabError(f"alkaid-console: {finished.stderr.strip()}")
    answers, rest = [], finished.stdout.lstrip()
    while rest:
        answer, end = json.JSONDecoder().raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].lstrip()
    return answers


def default_of(flag: str, help_text: str) -> int:
    """The default of a numeric flag, as --help tells it."""
    found = re.search(rf"^\s*{flag} [^=\n]*=(\d+)$", help_text, re.MULTILINE)
    if found is None:
        raise LabError(f"alkaid-dataplane --help names no default of {flag}")
    return int(found[1])


class Subject(HostProcesses):
    """One data plane and its agent."""

    def __init__(self, namespace: Namespace, directory: Path, scenario: Scenario, *, capture: bool = False,
                 connections: int | None = None, more_packets: int = 0) -> None:
        """capture: what leaves is written into files; connections: room in the table, if not the default;
        more_packets: of loops that start() knows nothing of."""
        super().__init__(namespace)
        self.scenario = scenario
        self.console = Console(directory)
        self._directory = directory
        self._capture = capture
        self._options: list[str] = []
        self._pushes = 0
        directory.mkdir(parents=True, exist_ok=True)
        # The loop's packets stay in buffers of their own.
        self._buffers = sum(len(source.flows) for source in scenario.sources) + more_packets + _SPARE_BUFFERS
        defaults = run([program("alkaid-dataplane"), "--help"]).stdout
        self._more_buffers = max(0, self._buffers - default_of("--packet-buffers", defaults))
        self._memory = default_of("--memory", defaults) + self._more_buffers * _BYTES_PER_BUFFER // 2**20
        if connections is not None and connections != default_of("--connections", defaults):
            self._options += ["--connections", str(connections)]

    @property
    def memory(self) -> int:
        """What it needs of hugepages, in MiB."""
        return self._memory

    @property
    def directory(self) -> Path:
        """Where its sockets, logs and captures are."""
        return self._directory

    # ------------------------------------------------------------ start

    def start(self) -> None:
        """Starts everything and returns when packets flow."""
        sources = {source.port for source in self.scenario.sources}
        for source in self.scenario.sources:
            source.write(self._input(source.port))
        self._start_dataplane(UPLINK in sources)
        pure_sinks = [port for port in self.scenario.sinks if port not in sources | {UPLINK}]
        if pure_sinks:
            self.start_agent(f"pcap:tx={self._directory}/{{port_id}}-out.pcap" if self._capture else "null:")
            self.push(self.scenario.goal_state(pure_sinks))
        guests = [port for port in sources if port != UPLINK]
        if guests:
            # Another template: a restarted agent takes over what is there.
            output = f",tx={self._directory}/{{port_id}}-out.pcap" if self._capture else ""
            self.start_agent(f"pcap:rx={self._directory}/{{port_id}}-in.pcap{output},loop=1")
            self.push(self.scenario.goal_state(guests))
        for port in {*guests, *pure_sinks}:
            self.wait_for_port(port)

    def wait_for_port(self, port: str) -> None:
        """Waits until a guest port is up."""
        wait_until(lambda: self.console.ports()[port]["state"] == "up", f"{port} is up")

    def _input(self, port: str) -> Path:
        return self._directory / f"{port}-in.pcap"

    def output(self, port: str) -> Path:
        """The capture of what left by a port."""
        return self._directory / f"{port}-out.pcap"

    def _start_dataplane(self, uplink_is_source: bool) -> None:
        uplink = "null:"
        if uplink_is_source:
            uplink = f"pcap:rx={self._input(UPLINK)},loop=1"
        if self._capture:
            uplink = f"pcap:tx={self.output(UPLINK)}" + (f",rx={self._input(UPLINK)},loop=1" if uplink_is_source else "")
        workers = self.scenario.line.workers
        options = list(self._options)
        if workers > 1:
            # Two CPUs in all: the second worker shares its own with the control threads.
            options += ["--worker-cpus", ",".join(str(machine.MEASURED_CPU - i) for i in range(workers))]
        if self._more_buffers > 0:
            options += ["--packet-buffers", str(self._buffers), "--memory", str(self._memory)]
        self._dataplane = Process("the data plane", self._namespace, [
            program("alkaid-dataplane"), "--run-dir", self._directory, "--uplink", uplink,
            "--vtep", f"{VTEP}/24", "--underlay-neighbor", f"{PEER_VTEP}={PEER_MAC}", "--underlay-neighbor", f"{OTHER_VTEP}={PEER_MAC}",
            *options],
            self._directory / "dataplane.log")
        machine.put_ahead(self._dataplane.pid)
        self._dataplane.wait_for_log("ready", timeout=120)

    def start_agent(self, attach: str) -> None:
        """Starts the agent, or another one in its place."""
        self.stop_agent()
        agent = self._agent = Process("the agent", self._namespace, [
            program("alkaid-agent"), "--run-dir", self._directory, "--port", str(AGENT_PORT), "--plaintext",
            "--no-state", "--port-attach", attach],
            self._directory / "agent.log")

        def connected() -> bool:
            agent.require_running()
            return bool(self.console.agent()["dataplane_connected"])

        wait_until(connected, "the agent is connected", timeout=20)

    def push(self, state: GoalState) -> str:
        """Pushes a goal state."""
        self._pushes += 1
        file = state.write(self._directory / f"state-{self._pushes}.json")
        return run(self._namespace.command([program("alkaid-goalstate"), "push", file, "--agent",
                                            AGENT_ADDRESS, "--timeout", str(_LONGEST_PUSH)]),
                   timeout=_LONGEST_PUSH).stdout

    # ------------------------------------------------------------ look

    @property
    def pid(self) -> int:
        """The data plane's process id."""
        assert self._dataplane is not None
        return self._dataplane.pid

    def counters(self) -> Counters:
        """What it has counted. The sinks' packets are those that were sent; drops are all ports'."""
        run_time = machine.run_time(self.pid, r"(worker-|lcore-.*)1$")
        now = time.monotonic()
        workers, ports, drops = show_all(self.console, "show worker", "show port", "show drops")
        by_name = {UPLINK if port["kind"] == "uplink" else port["id"]: port for port in ports["ports"]}
        reasons: Counter[str] = Counter()
        for drop in drops["drops"]:
            reasons[drop["reason"]] += int(drop["packets"])
        return Counters(
            time=now,
            packets=sum(int(worker["packets"]) for worker in workers["workers"]),
            busy_cycles=sum(int(worker["busy_cycles"]) for worker in workers["workers"]),
            run_time=run_time,
            received=sum(int(by_name[source.port]["rx_packets"]) for source in self.scenario.sources),
            sent=sum(int(by_name[port]["tx_packets"]) for port in self.scenario.sinks),
            drops=dict(reasons))

    def received_by(self, port: str) -> int:
        """Packets that a guest port has received."""
        return int(self.console.ports()[port]["rx_packets"])

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Nodes of the graph by name."""
        return {node["name"]: node for node in self.console.json("show", "graph")["nodes"]}

    def pause(self) -> None:
        """Stops the data plane where it is, so that its core is free for its peer."""
        assert self._dataplane is not None
        self._dataplane.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        assert self._dataplane is not None
        self._dataplane.signal(signal.SIGCONT)
