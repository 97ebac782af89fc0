"""Processes are killed at random while goal states and packets flow; what remains is what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import shutil
import time

import pytest
from lab import GoalState, Host, Lab, wait_until
from lab.numbered_traffic import NumberedTraffic
from lab.process import Process
from lab.tenant import Tenant

KILLS = 24
RATE = 250
VNI = 1001
# What was on its way when a data plane was killed, and what its peer's retries take until packets flow again.
BEFORE, AFTER = 0.3, 0.3


def neighbors(host: Host) -> dict[str, dict[str, str]]:
    """What the data plane has of the tenant's neighbors."""
    rows = host.console.json("show", "neighbor", "vni", str(VNI))["neighbors"]
    return {row["ip"]: {key: row[key] for key in ("ip", "mac", "vtep")} for row in rows
            if row["ip"].startswith("10.1.0.") and int(row["ip"].rpartition(".")[2]) >= 100}


def dump(host: Host) -> dict[str, list[str]]:
    """Everything that the data plane was told, without what it counts, and what the agent could not tell it."""
    def rows(table: str, *names: str, command: str | None = None) -> list[str]:
        shown = host.console.json("show", command or table)[table]
        return sorted(json.dumps({name: row[name] for name in names or row}, sort_keys=True) for row in shown)

    ports = [json.loads(row) for row in rows("ports", "id", "kind", "vni", "mac", "fixed_ips", "allowed_address_pairs",
                                             "admin_up", "mtu", command="port")]
    policies = [host.console.json("show", "port", port["id"], "policy") for port in ports if port["kind"] == "guest"]
    for policy in policies:
        for rule in policy["rules"]:
            del rule["hits"]
    return {"neighbors": rows("neighbors", command="neighbor"), "routes": rows("routes", command="route"),
            "segments": rows("segments", command="segment"), "bindings": rows("bindings", command="dhcp"),
            "groups": rows("security_groups", "id", "rules", "member_count", "ports", "members", command="security-group"),
            "ports": [json.dumps(port, sort_keys=True) for port in ports],
            "policies": sorted(json.dumps(policy, sort_keys=True) for policy in policies),
            # Machines that never come up, next hops that are nobody's.
            "pending": sorted(f"{each['resource_id']} {each['field']}" for each in host.console.problems("pending"))}


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


def test_kills_at_random(leased: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """24 kills of agents and data planes; the state is the tenants', and only data planes' deaths cost packets."""
    seed = int(os.environ.get("ALKAID_TEST_SEED", random.randrange(1 << 32)))
    with capsys.disabled():
        print(f"\nseed {seed} (ALKAID_TEST_SEED)", flush=True)
    chance = random.Random(seed)
    lab = leased
    assert lab.guests["green-1"].reaches(lab.guests["red-2"].address)
    tenants = [Tenant(host, seed + host.number) for host in lab.hosts.values()]
    traffic = NumberedTraffic(lab.directory, lab.guests["green-1"], lab.guests["red-2"], rate=RATE)
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
        assert tenant.messages > KILLS / 2 and len(tenant.kinds) >= 4
        assert neighbors(host) == tenant.neighbors(), f"seed {seed}: {host}"
    # New processes that know nothing and are told the tenant's state once have the same.
    lived = {tenant: dump(tenant.host) for tenant in tenants}
    for tenant, found in lived.items():
        host = tenant.host
        for process in (host.agent, host.dataplane):
            process.kill()
        shutil.rmtree(host.run_directory / "state")
        host.start_dataplane()
        host.start_agent()
        host.push_all([GoalState.example(host.number), *tenant.goal_states()], timeout=60)
        wait_until(lambda host=host: host.console.agent()["in_sync"], f"{host} is in sync", timeout=60)
        told = dump(host)
        assert all(told[table] for table in ("neighbors", "routes", "segments", "bindings", "ports", "policies"))
        for table, rows in told.items():
            assert found[table] == rows, f"seed {seed}: {host}: {table}"
