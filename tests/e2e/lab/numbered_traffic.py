"""Numbered packets from one guest to another, so that each that is lost is known."""

from __future__ import annotations

import json
import time
from pathlib import Path

from .guest import Guest
from .programs import PYTHON, TOOLS

PORT = 9100


class NumberedTraffic:
    """Packets, `rate` a second, from its making until end(); `flows` source ports take turns."""

    def __init__(self, directory: Path, source: Guest, sink: Guest, rate: int, port: int = PORT, *,
                 flows: int = 1) -> None:
        self._sent, self._received = directory / f"sent-{port}.json", directory / f"received-{port}.json"
        self._receiver = sink.start([PYTHON, TOOLS / "numbered_traffic.py", "receive", sink.address, str(port),
                                     self._received], f"receiver-{port}")
        self._receiver.wait_for_log("ready")
        self._sender = source.start([PYTHON, TOOLS / "numbered_traffic.py", "send", sink.address, str(port), str(rate),
                                     str(flows), self._sent], f"sender-{port}")

    def end(self) -> tuple[list[float], list[float]]:
        """When packets were sent, and when those were that were lost."""
        self._sender.stop()
        time.sleep(1)
        self._receiver.stop()
        sent: list[float] = json.loads(self._sent.read_text())
        received = set(json.loads(self._received.read_text()))
        return sent, [when for number, when in enumerate(sent) if number not in received]
