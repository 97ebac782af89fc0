"""A data plane and an agent with a guest and an uplink on veths, for benchmarks of goal states."""

from __future__ import annotations

import json
import re
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.console import Console
from lab.namespace import Namespace
from lab.process import Process
from lab.programs import build_directory, program
from lab.shell import LabError, wait_until

from . import machine
from .host_processes import HostProcesses
from .program import progress

AGENT_PORT = 50001
GATEWAY = "192.168.100.2"
GATEWAY_MAC = "02:00:00:00:00:b2"
# Room for the benchmarks' own neighbors and ports, in tables and in memory.
_MOST_NEIGHBORS = 2200000
_MOST_PORTS = 16384
_MEMORY = 1536
_LONGEST_RUN = 600


class GoalStateHost(HostProcesses):
    """The shipping programs, in a namespace. The benchmark's client sends as the guest and listens on the wire."""

    def __init__(self, namespace: Namespace, directory: Path) -> None:
        super().__init__(namespace)
        self._directory = directory
        self._attach = "null:"
        self._starts = 0
        self.agent_flags: list[str] = []
        self.dataplane_flags: list[str] = []
        self.console = Console(directory)
        directory.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def memory() -> int:
        """MiB of hugepages that the data plane needs."""
        return _MEMORY

    def _add_veth(self, device: str, peer: str) -> None:
        self._namespace.run(["ip", "link", "add", device, "type", "veth", "peer", "name", peer])
        for name in (device, peer):
            self._namespace.run(["ip", "link", "set", name, "up"])

    def start(self, attach: str = "af_packet:{tap_name}") -> None:
        """Starts both and returns when the agent is connected."""
        if not self._namespace.has_device("up0"):
            self._add_veth("up0", "wire0")
            self._add_veth("tapprobe", "guest0")
        self.start_dataplane()
        self.start_agent(attach)

    def start_dataplane(self) -> float:
        """Starts an empty one; returns the time at which it could be filled."""
        self._dataplane = Process("the data plane", self._namespace, [
            program("alkaid-dataplane"), "--run-dir", self._directory, "--uplink", "af_packet:up0",
            "--vtep", "192.168.100.1/24", "--underlay-gateway", GATEWAY,
            "--underlay-neighbor", f"{GATEWAY}={GATEWAY_MAC}", "--no-announcements",
            "--worker-cpus", str(machine.MEASURED_CPU), "--control-cpu", str(machine.CONTROL_CPU),
            "--idle-backoff", "500", "--max-neighbors", str(_MOST_NEIGHBORS), "--max-ports", str(_MOST_PORTS),
            "--memory", str(_MEMORY), *self.dataplane_flags], self._next_log("dataplane"))
        return self._ready_at(self._dataplane)

    def _next_log(self, name: str) -> Path:
        self._starts += 1
        return self._directory / f"{name}-{self._starts}.log"

    @staticmethod
    def _ready_at(process: Process) -> float:
        """When it said so, which it does once: not when we saw it."""
        process.wait_for_log(" ready: ", timeout=120)
        line = next(line for line in process.log.splitlines() if " ready: " in line)
        return datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()

    def kill_agent(self) -> None:
        """kill -9."""
        assert self._agent is not None
        self._agent.kill()
        self._namespace.processes.remove(self._agent)
        self._agent = None

    def kill_dataplane(self) -> None:
        """kill -9. The agent goes on."""
        assert self._dataplane is not None
        self._dataplane.kill()
        self._namespace.processes.remove(self._dataplane)
        self._dataplane = None

    def start_agent(self, attach: str) -> None:
        """Starts the agent, or another one in its place, and returns when it is connected."""
        self._attach = attach
        self.stop_agent()
        self.launch_agent()
        agent = self._agent

        def connected() -> bool:
            assert agent is not None
            agent.require_running()
            return bool(self.console.agent()["dataplane_connected"])

        wait_until(connected, "the agent is connected", timeout=60)

    def launch_agent(self) -> float:
        """Starts one as the last; returns the time at which it took goal states."""
        self._agent = Process("the agent", self._namespace, [
            program("alkaid-agent"), "--run-dir", self._directory, "--port", str(AGENT_PORT), "--plaintext",
            "--state-dir", self._directory / "state", "--port-attach", self._attach, *self.agent_flags],
            self._next_log("agent"))
        return self._ready_at(self._agent)

    def capture_loop(self) -> str:
        """An attachment from which a guest's packet to the first neighbor comes for ever."""
        path = self._directory / "guest.pcap"
        self._client("--write-capture", path)
        return f"pcap:rx={path},loop=1"

    def _client(self, *flags: str | int | Path, client: str = "goal-state-load") -> str:
        finished = subprocess.run(
            self._namespace.command([build_directory() / "perf" / client, "--agent", f"127.0.0.1:{AGENT_PORT}",
                                     *(str(flag) for flag in flags)]),
            capture_output=True, text=True, timeout=_LONGEST_RUN, check=False)
        if finished.returncode != 0:
            log = self._agent.log_tail() if self._agent else ""
            raise LabError(f"{finished.stderr.strip()}\n{log}")
        return finished.stdout

    def load(self, *flags: str | int, client: str = "goal-state-load") -> dict[str, Any]:
        """Runs the client. Raises LabError if something failed or a packet was not carried."""
        result: dict[str, Any] = json.loads(self._client(*flags, client=client))
        return result

    def agent_memory(self) -> int:
        """Bytes of the agent's own memory that are resident, when it has given back what it needed for a message."""
        last = -1
        while (now := self._resident()) != last:
            last = now
            time.sleep(0.3)
        return now

    def _resident(self) -> int:
        assert self._agent is not None
        status = Path(f"/proc/{self._agent.pid}/status").read_text()
        found = re.search(r"RssAnon:\s*(\d+) kB", status)
        return int(found[1]) * 1024 if found else 0

    @property
    def pids(self) -> tuple[int, int]:
        """Of the data plane and the agent."""
        assert self._dataplane is not None and self._agent is not None
        return self._dataplane.pid, self._agent.pid


def show(result: dict[str, Any]) -> None:
    """One result, for people."""
    progress("  ".join(f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}"
                       for key, value in result.items()))
