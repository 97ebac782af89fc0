"""Processes are killed at random while goal states and packets flow; what remains is what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from typing import Any

from lab import GoalState, Guest, Host, Lab, LabError, wait_until
from lab.process import Process
from lab.programs import PYTHON, TOOLS
from lab.shell import run

KILLS = 24
PORT = 9100
RATE = 250
VNI = 1001
# What was on its way when a data plane was killed, and what its peer's retries take until packets flow again.
BEFORE, AFTER = 0.3, 0.3


class Tenant(threading.Thread):
    """Changes a host's neighbors all the time. A message that is not acknowledged is sent again until it is."""

    def __init__(self, host: Host, seed: int) -> None:
        super().__init__(daemon=True)
        self.host = host
        self.model: dict[str, dict[str, str]] = {}  # by address: what was acknowledged
        self.messages = 0
        self.error: Exception | None = None
        self._random = random.Random(seed)
        self._ended = threading.Event()

    def run(self) -> None:
        """Until end()."""
        try:
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

    def _change(self) -> None:
        states: dict[str, Any] = {}
        after = dict(self.model)
        for _ in range(self._random.randint(1, 10)):
            address = f"10.1.0.{self._random.randint(100, 199)}"
            is_delete = address in after and self._random.random() < 0.4
            row = {"ip": address, "mac": f"02:00:00:00:{self._random.randrange(256):02x}:{self._random.randrange(256):02x}",
                   "vtep": f"10.0.0.{self._random.randint(10, 250)}"}
            if is_delete:
                row = after.pop(address)
            else:
                after[address] = row
            states[f"L2/{address}"] = {"operation_type": "DELETE" if is_delete else "CREATE", "configuration": {
                "id": f"n-{address}", "mac_address": row["mac"], "host_ip_address": row["vtep"],
                "fixed_ips": [{"neighbor_type": "L2", "subnet_id": "green", "ip_address": address}]}}
        self.messages += 1
        message = GoalState({"host_resources": {self.host.vtep: {"resources": [
            {"type": "NEIGHBOR", "id": key} for key in states]}}, "neighbor_states": states})
        path = message.write(self.host.run_directory / f"change-{self.messages}.json")
        deadline = time.monotonic() + 240
        while run(self.host.namespace.command([*self.host.push_command(path), "--timeout", "5"]), check=False,
                  timeout=90).returncode != 0:
            if time.monotonic() > deadline:
                raise LabError(f"message {self.messages} was not acknowledged")
        self.model = after


def dump(host: Host) -> dict[str, dict[str, str]]:
    """What the data plane has of the tenant's neighbors."""
    rows = host.console.json("show", "neighbor", "vni", str(VNI))["neighbors"]
    return {row["ip"]: {key: row[key] for key in ("ip", "mac", "vtep")} for row in rows
            if row["ip"].startswith("10.1.0.1") and len(row["ip"]) == len("10.1.0.100")}


class Traffic:
    """Numbered packets from one guest to another."""

    def __init__(self, lab: Lab, source: Guest, sink: Guest) -> None:
        self._sent, self._received = lab.directory / "sent.json", lab.directory / "received.json"
        self._receiver = sink.start([PYTHON, TOOLS / "numbered_traffic.py", "receive", sink.address, str(PORT),
                                     self._received], "receiver")
        self._receiver.wait_for_log("ready")
        self._sender = source.start([PYTHON, TOOLS / "numbered_traffic.py", "send", sink.address, str(PORT), str(RATE),
                                     self._sent], "sender")

    def end(self) -> tuple[list[float], list[float]]:
        """When packets were sent, and when those were that were lost."""
        self._sender.stop()
        time.sleep(1)
        self._receiver.stop()
        sent: list[float] = json.loads(self._sent.read_text())
        received = set(json.loads(self._received.read_text()))
        return sent, [when for number, when in enumerate(sent) if number not in received]


def kill_agent(host: Host, chance: random.Random) -> None:
    """kill -9, a pause, and another one."""
    host.agent.kill()
    time.sleep(chance.uniform(0, 0.6))
    host.start_agent()


def kill_dataplane(lab: Lab, host: Host, *, agent_too: bool) -> tuple[float, float]:
    """kill -9, and another one; returns from when to when no packets could pass."""
    began = time.monotonic()
    processes: list[Process] = [host.dataplane, *([host.agent] if agent_too else [])]
    for process in processes:
        process.kill()
    host.start_dataplane()
    if agent_too:
        host.start_agent()
    for port in (f"green-{host.number}", f"red-{host.number}"):
        host.wait_for_port(port, timeout=240)
    wait_until(lambda: lab.guests["green-1"].reaches(lab.guests["red-2"].address), "packets pass again", timeout=240)
    return began - BEFORE, time.monotonic() + AFTER


def test_kills_at_random(leased: Lab) -> None:
    """24 kills of agents and data planes; the state is the tenants', and only data planes' deaths cost packets."""
    seed = int(os.environ.get("ALKAID_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed} (ALKAID_TEST_SEED)")
    chance = random.Random(seed)
    lab = leased
    assert lab.guests["green-1"].reaches(lab.guests["red-2"].address)
    tenants = [Tenant(host, seed + host.number) for host in lab.hosts.values()]
    traffic = Traffic(lab, lab.guests["green-1"], lab.guests["red-2"])
    for tenant in tenants:
        tenant.start()
    windows: list[tuple[float, float]] = []
    agent_kills: list[tuple[float, float]] = []
    kinds = ["agent"] * 16 + ["data plane"] * 5 + ["both"] * 3
    chance.shuffle(kinds)
    assert len(kinds) == KILLS
    for kind in kinds:
        host = lab.hosts[chance.choice((1, 2))]
        time.sleep(chance.uniform(0, 0.4))
        if kind == "agent":
            began = time.monotonic()
            kill_agent(host, chance)
            agent_kills.append((began, time.monotonic()))
        else:
            windows.append(kill_dataplane(lab, host, agent_too=kind == "both"))
    for tenant in tenants:
        tenant.end()
    sent, lost = traffic.end()

    unexplained = [when for when in lost if not any(begin <= when <= end for begin, end in windows)]
    assert not unexplained, f"seed {seed}: {len(unexplained)} of {len(sent)} packets were lost outside {windows}"
    for begin, end in agent_kills:
        assert any(begin <= when <= end for when in sent), "packets flowed while only an agent was down"
    for tenant in tenants:
        host = tenant.host
        wait_until(lambda host=host: host.console.agent()["in_sync"], f"{host} is in sync", timeout=240)
        assert tenant.messages > KILLS / 2 and tenant.model
        assert dump(host) == tenant.model, f"seed {seed}: {host}"
        assert not host.console.problems("pending")
