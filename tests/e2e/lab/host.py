"""A host: a namespace with an uplink, a data plane and an agent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .console import Console
from .goal_state import GoalState
from .namespace import Namespace
from .process import Process
from .programs import program
from .shell import run, wait_until

UPLINK = "up0"
AGENT_PORT = 50001


class Host:
    """Starts and stops Alkaid's two processes and talks to them."""

    def __init__(self, number: int, namespace: Namespace, vtep: str, run_directory: Path) -> None:
        self.number = number
        self.namespace = namespace
        self.vtep = vtep
        self.uplink = f"af_packet:{UPLINK}"
        self.underlay_options = ["--vtep", f"{vtep}/24"]
        self.run_directory = run_directory
        self.run_directory.mkdir(parents=True)
        self.console = Console(run_directory)
        self.dataplane: Process | None = None
        self.agent: Process | None = None
        self.agent_channel = ["--plaintext"]
        self.outlives_us = False
        self._pushes = 0

    def __str__(self) -> str:
        return f"host {self.number}"

    # ------------------------------------------------------------ processes

    def start_dataplane(self, *extra: str) -> Process:
        """Starts the data plane and waits until it serves."""
        # The workers of two hosts on different CPUs, as far as there are several.
        cpus = sorted(os.sched_getaffinity(0))
        worker, control = cpus[self.number % len(cpus)], cpus[(self.number - 1) % len(cpus)]
        self.dataplane = Process(f"{self}'s data plane", self.namespace, [
            program("alkaid-dataplane"), "--instance", f"host-{self.number}", "--run-dir", self.run_directory,
            "--uplink", self.uplink, *self.underlay_options,
            "--worker-cpus", str(worker), "--control-cpu", str(control), "--idle-backoff", "200",
            "--no-huge", "--memory", "256", *extra], self.log_path("dataplane"), outlives_us=self.outlives_us)
        self.dataplane.wait_for_log("ready", timeout=40)
        wait_until((self.run_directory / "dataplane.sock").exists, f"{self}'s data plane has a socket")
        return self.dataplane

    def start_agent(self, *extra: str) -> Process:
        """Starts the agent and waits until it is connected to the data plane."""
        self.agent = agent = Process(f"{self}'s agent", self.namespace, [
            program("alkaid-agent"), "--instance", f"host-{self.number}", "--run-dir", self.run_directory,
            "--state-dir", self.run_directory / "state", "--port", str(AGENT_PORT), *self.agent_channel, *extra],
            self.log_path("agent"), outlives_us=self.outlives_us)

        def connected() -> bool:
            agent.require_running()
            return bool(self.console.agent()["dataplane_connected"])

        wait_until(connected, f"{self}'s agent is connected to the data plane", timeout=20)
        return agent

    def log_path(self, kind: str) -> Path:
        """The log of the data plane or the agent, kept over restarts."""
        return self.run_directory / f"{kind}.log"

    def logs(self) -> str:
        """The ends of both logs, for error messages."""
        return "\n".join(process.log_tail() for process in (self.dataplane, self.agent) if process is not None)

    # ------------------------------------------------------------ goal states

    def push_command(self, *files: Path) -> list[str]:
        """The command that pushes goal states, as run in the host's namespace."""
        return [str(program("alkaid-goalstate")), "push", *(str(file) for file in files),
                "--agent", f"127.0.0.1:{AGENT_PORT}"]

    def push(self, goal_state: GoalState, *, check: bool = True, timeout: float = 20) -> str:
        """Pushes a goal state and returns what the client said about each resource."""
        return self.push_all([goal_state], check=check, timeout=timeout)

    def push_all(self, goal_states: list[GoalState], *, check: bool = True, timeout: float = 20) -> str:
        """Pushes goal states one after the other, as messages of one stream."""
        files = []
        for goal_state in goal_states:
            self._pushes += 1
            files.append(goal_state.write(self.run_directory / f"goal-state-{self._pushes}.json"))
        finished = run(self.namespace.command(self.push_command(*files)), check=check, timeout=timeout)
        return finished.stdout + finished.stderr

    def programmed_neighbors(self) -> set[str]:
        """The neighbors' addresses that the data plane holds."""
        return {neighbor["ip"] for neighbor in self.console.json("show", "neighbor", timeout=30)["neighbors"]}

    def wait_for_port(self, port: str, state: str = "up", timeout: float = 10) -> dict[str, Any]:
        """Waits until a guest port is "up" or "waiting" and returns it."""

        def reached() -> dict[str, Any] | None:
            found = self.console.ports().get(port)
            return found if found and found["state"] == state else None

        return wait_until(reached, f"port {port} of {self} is {state}", timeout=timeout)  # type: ignore[return-value]
