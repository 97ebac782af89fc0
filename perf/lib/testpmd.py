"""DPDK's testpmd: plays guests, and shows what receiving and sending alone cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.shell import LabError, run

PROGRAM = "dpdk-testpmd"
BUFFERS = 16384  # packet buffers, besides those of a loop's packets
_BYTES_PER_BUFFER = 2500


def memory_of_buffers(buffers: int) -> int:
    """What packet buffers need of hugepages, in MiB."""
    return -(-buffers * _BYTES_PER_BUFFER // 2**20)


def prompted(fifo: Path, words: Sequence[str | Path]) -> list[str | Path]:
    """The command with its prompt at `fifo`, where its input never ends; lines are in its log when it has written them."""
    return ["sh", "-c", 'input=$1; shift; exec stdbuf -oL "$@" <>"$input"', "sh", fifo, *words, "--interactive"]


def require_testpmd() -> None:
    """Raises LabError if it is missing."""
    if run(["which", PROGRAM], check=False).returncode != 0:
        raise LabError(f"{PROGRAM} is missing; install dpdk-dev")
