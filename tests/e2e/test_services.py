"""The units for a service manager."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from lab import LabError
from lab.programs import SOURCE, program
from lab.shell import run

UNITS = {"alkaid-agent": SOURCE / "control/agent/systemd/alkaid-agent.service",
         "alkaid-dataplane": SOURCE / "dataplane/systemd/alkaid-dataplane.service"}
# Of 0 (safe) to 100 as systemd-analyze security rates units.
MOST_EXPOSURE = {"alkaid-agent": 25, "alkaid-dataplane": 50}


@pytest.mark.parametrize("name", list(UNITS))
def test_units_are_sound(tmp_path: Path, name: str) -> None:
    """systemd takes the unit, and finds it hardened."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNITS[name].name
    unit.write_text(re.sub("^ExecStart=/usr/bin/[a-z-]+", f"ExecStart={program(name)}", UNITS[name].read_text(),
                           flags=re.MULTILINE))
    verified = run(["systemd-analyze", "verify", "--man=no", unit], check=False)
    assert verified.returncode == 0 and name not in verified.stderr, verified.stderr
    try:
        run(["systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSURE[name]}", unit])
    except LabError as error:
        pytest.fail(str(error))
