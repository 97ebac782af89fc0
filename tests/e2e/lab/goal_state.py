"""Goal states: the shipped examples, and changed copies of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .programs import EXAMPLES


class GoalState:
    """A GoalStateV2 in protobuf's JSON mapping."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    @classmethod
    def example(cls, host: int) -> GoalState:
        """docs/examples/goal-states/host-N.json."""
        return cls(json.loads((EXAMPLES / f"host-{host}.json").read_text()))

    def with_hosts(self, addresses: dict[str, str]) -> GoalState:
        """A copy in which hosts have other addresses."""
        text = json.dumps(self.content)
        for old, new in addresses.items():
            text = text.replace(f'"{old}"', f'"{new}"')
        return GoalState(json.loads(text))

    def copy(self) -> GoalState:
        """A copy that can be changed on its own."""
        return GoalState(copy.deepcopy(self.content))

    def states(self, kind: str) -> dict[str, Any]:
        """The map of one kind: "port", "neighbor", "subnet", "dhcp", "router", "vpc"."""
        return self.content.setdefault(f"{kind}_states", {})

    def configuration(self, kind: str, key: str) -> dict[str, Any]:
        """A resource's configuration, to be read or changed."""
        return self.states(kind)[key]["configuration"]

    def add(self, kind: str, key: str, configuration: dict[str, Any], operation: str = "CREATE") -> None:
        """Adds a resource to the message and to the lists of the hosts that it is for."""
        self.states(kind)[key] = {"operation_type": operation, "configuration": configuration}
        for host in self.content.get("host_resources", {}).values():
            host["resources"].append({"type": kind.upper(), "id": key})

    def copy_resource(self, kind: str, key: str, new_key: str, **changes: Any) -> None:
        """Adds a copy of a resource under another key with some fields changed."""
        state = self.states(kind)[key]
        configuration = {**copy.deepcopy(state["configuration"]), **changes}
        self.add(kind, new_key, configuration, state["operation_type"])

    def add_remote_neighbors(self, addresses: Iterable[str], operation: str = "CREATE") -> GoalState:
        """Adds neighbors of the green subnet that one other host has; an address is its key."""
        for address in addresses:
            self.add("neighbor", address, {
                "revision_number": 1, "id": address, "mac_address": "02:00:00:00:09:01", "host_ip_address": "10.0.0.9",
                "fixed_ips": [{"neighbor_type": "L2", "subnet_id": "green", "ip_address": address}]}, operation)
        return self

    def write(self, path: Path) -> Path:
        """Writes the message as a file for alkaid-goalstate."""
        path.write_text(json.dumps(self.content, indent=1))
        return path
