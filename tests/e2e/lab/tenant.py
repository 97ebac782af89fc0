"""A client that changes a host's goal states at random and knows what it was told to have."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

from .goal_state import GoalState
from .host import Host
from .shell import LabError, run

SLICE = "churn"
Change = tuple[str, str, dict[str, Any] | None]  # kind, key, configuration (none: it is deleted)


class Tenant(threading.Thread):
    """Changes neighbors, a security group, a port, DHCP, routing rules and a slice beside the example goal state.

    A message that is not acknowledged is sent again until it is.
    """

    def __init__(self, host: Host, seed: int) -> None:
        super().__init__(daemon=True)
        self.host = host
        self.model: dict[tuple[str, str], dict[str, Any]] = {}  # by kind and key: what was acknowledged
        self.sliced: dict[str, dict[str, Any]] = {}  # the slice's neighbors
        self.messages = 0
        self.kinds: set[str] = set()  # that were changed
        self.error: Exception | None = None
        self._random = random.Random(seed)
        self._ended = threading.Event()

    def run(self) -> None:
        """Until end()."""
        try:
            self._apply(self._security_groups())  # the ports name it
            while not self._ended.is_set():
                self._change()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def end(self) -> None:
        """Waits for the message under way."""
        self._ended.set()
        self.join(300)
        if self.is_alive() or self.error is not None:
            raise LabError(f"the tenant of {self.host} failed: {self.error}")

    def neighbors(self) -> dict[str, dict[str, str]]:
        """All of its neighbors by address, as the console shows them."""
        configurations = [configuration for (kind, _), configuration in self.model.items() if kind == "neighbor"]
        return {each["fixed_ips"][0]["ip_address"]: {
            "ip": each["fixed_ips"][0]["ip_address"], "mac": each["mac_address"], "vtep": each["host_ip_address"]}
                for each in [*configurations, *self.sliced.values()]}

    def goal_states(self) -> list[GoalState]:
        """What was acknowledged, in as few messages as can be."""
        return [self._message([(kind, key, configuration) for (kind, key), configuration in self.model.items()]),
                self._slice_message(self.sliced)]

    # ------------------------------------------------------------ messages

    def _change(self) -> None:
        kind = self._random.choice(("neighbor", "neighbor", "security_group", "port", "dhcp", "router", "slice"))
        if kind == "slice":
            sliced = {key: configuration for _, key, configuration in self._neighbors(200, 249) if configuration}
            self._push(self._slice_message(sliced))
            self.sliced = sliced
        else:
            self._apply(self._neighbors(100, 199) if kind == "neighbor" else getattr(self, f"_{kind}s")())
        self.kinds.add(kind)

    def _apply(self, changes: list[Change]) -> None:
        self._push(self._message(changes))
        for kind, key, configuration in changes:
            if configuration is None:
                self.model.pop((kind, key), None)
            else:
                self.model[kind, key] = configuration

    def _push(self, message: GoalState) -> None:
        self.messages += 1
        path = message.write(self.host.run_directory / f"change-{self.messages}.json")
        deadline = time.monotonic() + 240
        while run(self.host.namespace.command([*self.host.push_command(path), "--timeout", "5"]), check=False,
                  timeout=90).returncode != 0:
            if time.monotonic() > deadline:
                raise LabError(f"message {self.messages} was not acknowledged: {path.read_text()}")

    def _message(self, changes: list[Change]) -> GoalState:
        message = GoalState({"format_version": 102})
        for kind, key, configuration in changes:
            former = self.model.get((kind, key), {})
            message.add(kind, key, former if configuration is None else configuration,
                        "DELETE" if configuration is None else "CREATE")
        return message

    def _slice_message(self, sliced: dict[str, dict[str, Any]]) -> GoalState:
        message = GoalState({"format_version": 102, "slice": {"name": SLICE, "operation": "REPLACE"}})
        for key, configuration in sliced.items():
            message.add("neighbor", key, configuration)
        return message

    # ------------------------------------------------------------ changes

    def _mac(self) -> str:
        return f"02:00:00:00:{self._random.randrange(256):02x}:{self._random.randrange(256):02x}"

    def _is_delete(self, kind: str, key: str) -> bool:
        return (kind, key) in self.model and self._random.random() < 0.4

    def _neighbors(self, first: int, last: int) -> list[Change]:
        changes: dict[str, Change] = {}
        for _ in range(self._random.randint(1, 10)):
            address = f"10.1.0.{self._random.randint(first, last)}"
            key = f"L2/{address}"
            changes[key] = ("neighbor", key, None if self._is_delete("neighbor", key) else {
                "id": f"n-{address}", "mac_address": self._mac(), "host_ip_address": f"10.0.0.{self._random.randint(10, 250)}",
                "fixed_ips": [{"neighbor_type": "L2", "subnet_id": "green", "ip_address": address}]})
        return list(changes.values())

    def _security_groups(self) -> list[Change]:
        ports = self._random.sample(range(1, 60000), self._random.randint(1, 5))
        return [("security_group", "guard", {"id": "guard", "name": "guard", "update_type": "FULL", "security_group_rules": [
            {"id": f"rule-{port}", "direction": "INGRESS", "protocol": "TCP", "port_range_min": port, "port_range_max": port}
            for port in ports]})]

    def _ports(self) -> list[Change]:
        # Of a machine that has not come up yet.
        number = self._random.randint(50, 53)
        key = f"late-{number}"
        return [("port", key, None if self._is_delete("port", key) else {
            "id": key, "update_type": "FULL", "vpc_id": "demo", "device_id": key, "device_owner": "compute:nova",
            "mac_address": f"02:00:00:00:01:{number}", "admin_state_up": self._random.random() < 0.5,
            "fixed_ips": [{"subnet_id": "green", "ip_address": f"10.1.0.{number}"}],
            "security_group_ids": [{"id": "guard"}] if self._random.random() < 0.5 else []})]

    def _dhcps(self) -> list[Change]:
        number = self._random.randint(60, 69)
        key = f"lease-{number}"
        return [("dhcp", key, None if self._is_delete("dhcp", key) else {
            "id": key, "subnet_id": "green", "mac_address": f"02:00:00:00:01:{number}", "ipv4_address": f"10.1.0.{number}",
            "port_host_name": f"guest-{self._random.randint(1, 9)}"})]

    def _routers(self) -> list[Change]:
        rules = [{"operation_type": "CREATE", "id": f"to-{network}", "destination": f"198.51.{network}.0/24",
                  "next_hop_ip": f"10.1.0.{self._random.randint(100, 199)}"}
                 for network in self._random.sample(range(100, 110), self._random.randint(0, 4))]
        router = GoalState.example(self.host.number).configuration("router", "demo-router")
        tables = [{**table, "routing_rules": rules if table["subnet_id"] == "green" else []}
                  for table in router["subnet_routing_tables"]]
        return [("router", "demo-router", {**router, "update_type": "FULL", "subnet_routing_tables": tables})]
