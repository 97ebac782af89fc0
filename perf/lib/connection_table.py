"""What the connection table says about itself. All knowledge of its JSON is here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from lab.console import Console
from lab.shell import LabError


@dataclass(frozen=True)
class ConnectionCounters:
    """Connections made and forgotten until now, of one family."""

    time: float
    used: int
    created: int
    evicted: int
    expired: int


class ConnectionTable:
    """The table of one address family."""

    def __init__(self, console: Console, family: int) -> None:
        self._console = console
        self._family = f"IPv{family}"

    def _table(self) -> dict[str, Any]:
        for table in self._console.json("show", "conntrack", "summary")["tables"]:
            if table["family"] == self._family:
                return table
        raise LabError(f"the data plane has no table of {self._family} connections")

    def counters(self) -> ConnectionCounters:
        """What it has counted."""
        table = self._table()
        return ConnectionCounters(time.monotonic(), *(int(table[name]) for name in
                                                      ("used", "created", "evicted", "expired")))

    def bytes_per_connection(self) -> float:
        """All memory of the table, by those that there are (in a full one by those that there may be: no more count)."""
        table = self._table()
        return round(int(table["bytes"]) / max(1, min(int(table["used"]), int(table["capacity"]))), 1)
