"""What the console shows, as Python values. All knowledge of its JSON is here."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from .programs import program
from .shell import LabError, run


class Console:
    """One-shot commands to the instance in `run_directory`."""

    def __init__(self, run_directory: Path) -> None:
        self.run_directory = run_directory

    def command(self, *words: str, as_json: bool = False) -> list[str]:
        """The console's command line, as a user would type it."""
        return [str(program("alkaid-console")), "--run-dir", str(self.run_directory),
                *(["--json"] if as_json else []), *words]

    def text(self, *words: str, timeout: float = 10) -> str:
        """What `words` shows to a human."""
        return run(self.command(*words), timeout=timeout).stdout

    def json(self, *words: str, timeout: float = 10) -> Any:
        """What `words` shows with --json."""
        output = run(self.command(*words, as_json=True), timeout=timeout).stdout
        try:
            return json.loads(output)
        except json.JSONDecodeError as error:
            raise LabError(f"not JSON from {' '.join(words)}: {error}\n{output}") from error

    def operations(self) -> int:
        """Objects that were written to the data plane since it started."""
        return int(self.json("show", "version")["dataplane"]["operations"])

    def ports(self) -> dict[str, dict[str, Any]]:
        """Ports by name: guests by port id, uplinks by device."""
        return {port["id"]: port for port in self.json("show", "port")["ports"]}

    def guest_ports(self) -> dict[str, dict[str, Any]]:
        """Guests' ports by port id."""
        return {name: port for name, port in self.ports().items() if port["kind"] == "guest"}

    def uplink(self) -> dict[str, Any]:
        """The uplink port."""
        return next(port for port in self.ports().values() if port["kind"] == "uplink")

    def drops(self, port: str | None = None) -> Counter[str]:
        """Dropped packets by reason, of one port or of all."""
        counts: Counter[str] = Counter()
        for drop in self.json("show", "drops")["drops"]:
            if port is None or drop["port"] == port:
                counts[drop["reason"]] += int(drop["packets"])
        return counts

    def node_packets(self, node: str) -> int:
        """Packets that a node of the graph has seen."""
        return sum(int(entry["packets"]) for entry in self.json("show", "graph")["nodes"] if entry["name"] == node)

    def agent(self) -> dict[str, Any]:
        """The agent about itself."""
        return self.json("show", "config")["agent"]

    def problems(self, kind: str) -> list[dict[str, Any]]:
        """Resources that are not in effect: "pending" or "refused"."""
        return self.json("show", "config")[kind]

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the agent remembers, of one kind or all."""
        return [event for event in self.json("show", "event")["events"] if kind in (None, event["kind"])]
