"""The profiles of pmd-config/: the real data plane starts with each, as far as it can without the hardware."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab
from lab.process import Process
from lab.programs import SOURCE, program

PROFILES = sorted((SOURCE / "pmd-config").glob("*.toml"))


@pytest.fixture(scope="module")
def empty_lab() -> Iterator[Lab]:
    """A lab with a namespace in which a data plane finds no device."""
    lab = Lab()
    try:
        yield lab
    finally:
        lab.close()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.stem)
def test_profile(empty_lab: Lab, profile: Path) -> None:
    """DPDK takes the arguments; what the machine has no device for is waited for."""
    namespace = empty_lab.add_namespace(profile.stem)
    # Hugepages are not for tests to take.
    dataplane = Process(f"{profile.stem}'s data plane", namespace, [
        program("alkaid-dataplane"), "--config", profile, "--run-dir", empty_lab.directory / profile.stem,
        "--instance", f"{empty_lab.name}-{profile.stem}", "--no-huge", "--memory", "256"],
        empty_lab.directory / f"{profile.stem}.log")
    dataplane.wait_for_log("ready", timeout=60)
    assert dataplane.stop() == 0
    expected = "is attached by tap:" if profile.stem == "tap-lab" else "waits for the device"
    assert expected in dataplane.log
