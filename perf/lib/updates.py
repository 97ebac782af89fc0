"""A steady flow of changes through the agent: neighbors that come, go and move, and a rule every second."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

from .goal_client import GoalClient
from .scenario import GUEST, OTHER_VTEP, PEER_VTEP, Scenario

_BATCH = 100          # updates of one message
_BATCHES = 50         # other neighbors that exist at a time, in batches
_MOVES = _BATCH // 10
_RULE_INTERVAL = 1.0


class Updates:
    """Changes that go on as long as the "with" block of running()."""

    def __init__(self, client: GoalClient, scenario: Scenario, per_second: int) -> None:
        self.sent = 0
        self.rule_changes = 0
        self.seconds = 0.0
        self._client = client
        self._scenario = scenario
        self._interval = _BATCH / per_second
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        client.push(client.message(neighbor_states=dict(self._movers(PEER_VTEP))))
        self._neighbors = itertools.cycle(self._batches())
        self._rules = itertools.cycle([self._rule("CREATE"), self._rule("DELETE")])

    # ------------------------------------------------------------ messages

    def _neighbor(self, key: str, mac: str, ip: str, vtep: str, operation: str = "CREATE") -> tuple[str, Any]:
        subnet = "green" if self._scenario.line.family == 4 else "green-v6"
        return key, {"operation_type": operation, "configuration": {
            "id": key, "vpc_id": "demo", "mac_address": mac, "host_ip_address": vtep,
            "fixed_ips": [{"neighbor_type": "L2", "subnet_id": subnet, "ip_address": ip}]}}

    def _address(self, number: int) -> str:
        high, low = divmod(number, 250)
        return f"10.1.{16 + high}.{1 + low}" if self._scenario.line.family == 4 else f"fd00:10:1::{high + 1:x}:{low + 1:x}"

    def _movers(self, vtep: str) -> Iterator[tuple[str, Any]]:
        """The neighbors that move: the flows' destination and some others."""
        remote = self._scenario.remote("green")
        yield self._neighbor("green-2", remote.mac, remote.ip, vtep)
        for number in range(_MOVES - 1):
            yield self._neighbor(f"mover-{number}", f"02:00:00:02:00:{number:02x}", self._address(40000 + number), vtep)

    def _batches(self) -> list[bytes]:
        """Every batch is created, then every batch deleted; movers go there and back with each."""
        messages = []
        vteps = itertools.cycle([OTHER_VTEP, PEER_VTEP])
        for operation in ("CREATE", "DELETE"):
            for batch in range(_BATCHES):
                numbers = range(batch * _BATCH, batch * _BATCH + _BATCH - _MOVES)
                others = (self._neighbor(f"other-{number}", f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}",
                                         self._address(number), PEER_VTEP, operation) for number in numbers)
                messages.append(self._client.message(neighbor_states=dict([*others, *self._movers(next(vteps))])))
        return messages

    def _rule(self, operation: str) -> bytes:
        group = self._scenario.group(GUEST)
        rule = {**group["security_group_rules"][-1], "id": "one-more", "port_range_min": 30000,
                "port_range_max": 30000, "operation_type": operation}
        return self._client.message(security_group_states={group["id"]: {
            "operation_type": "UPDATE", "configuration": {**group, "update_type": "DELTA",
                                                          "security_group_rules": [rule]}}})

    # ------------------------------------------------------------ sending

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Sends in a thread. Raises at the end what went wrong there."""
        self._stopping.clear()
        thread = threading.Thread(target=self._send, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _send(self) -> None:
        began = due = time.monotonic()
        next_rule = began
        try:
            while not self._stopping.is_set():
                self._client.push(next(self._neighbors))
                self.sent += _BATCH
                if time.monotonic() >= next_rule:
                    self._client.push(next(self._rules))
                    self.rule_changes += 1
                    next_rule += _RULE_INTERVAL
                due += self._interval
                time.sleep(max(0.0, due - time.monotonic()))
        except Exception as error:  # pylint: disable=broad-except
            self._failure = error
        self.seconds += time.monotonic() - began
