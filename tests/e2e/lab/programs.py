"""Where the programs under test are."""

from __future__ import annotations

import os
from pathlib import Path

from .shell import LabError

SOURCE = Path(__file__).resolve().parents[3]
EXAMPLES = SOURCE / "docs/examples/goal-states"
TOOLS = Path(__file__).resolve().parent / "tools"
# Debian's Python, which sees Debian's scapy.
PYTHON = "/usr/bin/python3"

_PATHS = {
    "alkaid-dataplane": "dataplane/alkaid-dataplane",
    "alkaid-agent": "control/agent/alkaid-agent",
    "alkaid-goalstate": "control/goalstate/alkaid-goalstate",
    "alkaid-console": "control/console/alkaid-console",
}


def build_directory() -> Path:
    """The build directory: $ALKAID_BUILD, or build/ of the source tree."""
    return Path(os.environ.get("ALKAID_BUILD", SOURCE / "build")).resolve()


def unit(name: str) -> Path:
    """The systemd unit of one of Alkaid's processes, as it is installed."""
    return program(name).with_suffix(".service")


def program(name: str) -> Path:
    """The path of one of Alkaid's programs. Raises LabError if it is not built."""
    path = build_directory() / _PATHS[name]
    if not path.exists():
        raise LabError(f"{path} is not built; run make build")
    return path
