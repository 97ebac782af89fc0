"""A fake Network Config Manager beside a host's agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .host import AGENT_PORT, Host
from .process import Process
from .programs import PYTHON, SOURCE, TOOLS
from .shell import run

PORT = 9016
ADDRESS = f"127.0.0.1:{PORT}"


class FakeNcm:
    """Starts and stops it; its behavior is one of those of tools/fake_ncm.py."""

    def __init__(self, host: Host, neighbors: dict[str, dict[str, str]]) -> None:
        self._host = host
        self._neighbors = neighbors
        self._directory = host.run_directory / "ncm"
        self._schema = self._directory / "schema"
        self._schema.mkdir(parents=True)
        self._log = self._directory / "requests.json"
        self._log.touch()
        self._process: Process | None = None
        run(["protoc", f"-I{SOURCE / 'proto'}", f"--python_out={self._schema}",
             *sorted((SOURCE / "proto/alcor/schema").glob("*.proto"))])

    def start(self, behavior: str, delay: float = 0, tls: dict[str, Path] | None = None,
              hangs: list[str] | None = None) -> None:
        """Starts it anew; what was asked before is forgotten. tls: "certificate", "key", and "clients" to ask for theirs."""
        self.stop()
        self._log.write_text("")
        settings = self._directory / "settings.json"
        settings.write_text(json.dumps({
            "listen": ADDRESS, "agent": f"127.0.0.1:{AGENT_PORT}", "schema": str(self._schema),
            "log": str(self._log), "behavior": behavior, "delay": delay, "neighbors": self._neighbors,
            "hangs": hangs or [],
            "tls": {name: str(path) for name, path in (tls or {}).items()}}))
        output: Path = self._directory / "ncm.log"
        output.write_text("")
        self._process = Process("the fake NCM", self._host.namespace, [PYTHON, TOOLS / "fake_ncm.py", settings], output)
        self._process.wait_for_log("ready")

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.kill()
            self._host.namespace.processes.remove(self._process)
            self._process = None

    def calls(self) -> list[list[dict[str, Any]]]:
        """What it was asked, call by call."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def told_of_restarts(self) -> list[str]:
        """The hosts whose agents said that they had started."""
        return [question["source"] for call in self.calls() for question in call if question["type"] == "AGENT_RESTARTED"]

    def told_slices(self) -> dict[str, list[Any]]:
        """Version and digest of each slice that an agent had when it started last, by name."""
        told = [question.get("slices", {}) for call in self.calls() for question in call if question["type"] == "AGENT_RESTARTED"]
        return told[-1] if told else {}

    def asked_for(self, destination: str) -> int:
        """How often it was asked for an address."""
        return sum(question["destination"] == destination for call in self.calls() for question in call)
