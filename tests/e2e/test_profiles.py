"""The profiles of pmd-config/: the real data plane starts with each, as far as it can without the hardware."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab
from lab.process import Process
from lab.programs import SOURCE, program
from lab.shell import run

PROFILES = sorted((SOURCE / "pmd-config").glob("*.toml"))
# Hugepages are not for tests to take, and what devices the machine has must not matter.
SMALL = ["--no-huge", "--memory", "256"]


@pytest.fixture(scope="module")
def host_lab() -> Iterator[Lab]:
    """A lab with a namespace for a data plane that meets no device."""
    lab = Lab()
    try:
        yield lab
    finally:
        lab.close()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.stem)
def test_profile(host_lab: Lab, profile: Path) -> None:
    """DPDK takes the arguments, absent devices are waited for, and --dry-run explains every choice."""
    command = [program("alkaid-dataplane"), "--config", profile, "--run-dir", host_lab.directory / profile.stem,
               "--instance", f"{host_lab.name}-{profile.stem}", *SMALL]
    plan = json.loads(run([*command, "--dry-run", "--json"]).stdout)
    choices = {choice["name"]: choice for choice in plan["choices"]}
    assert {"numa_node", "control_cpu", "worker_cpus", "memory_mib", "hugepages", "packet_pools", "connection_mib", "queues", "spare_workers", "rss", "uplink"} <= set(choices)
    assert all(choice["reason"] for choice in choices.values())
    assert choices["memory_mib"]["value"] == "256"
    text = run([*command, "--dry-run"]).stdout
    assert " ".join(plan["eal_arguments"]) in text
    assert all(choice["reason"] in text for choice in choices.values())

    dataplane = Process(f"{profile.stem}'s data plane", host_lab.underlay, command,
                        host_lab.directory / f"{profile.stem}.log")
    dataplane.wait_for_log("ready", timeout=60)
    assert dataplane.stop() == 0
    waits = "has no device" if choices["uplink"]["value"].startswith("dev:") else "waits for the device"
    assert ("is attached by tap:" if profile.stem == "tap-lab" else waits) in dataplane.log
