"""Runs a command with a time limit and ends all of it when the limit or an interrupt comes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

# What a command gets to clean up after itself before it is killed.
GRACE_SECONDS = 30
TIMED_OUT = 124


def run(command: Sequence[str | Path], *, limit_seconds: float, environment: dict[str, str] | None = None,
        directory: Path | None = None) -> int:
    """Runs `command` with its output on ours. Returns its exit code, TIMED_OUT after the limit.

    The command has a process group of its own, so that ending it ends what it started.
    """
    process = subprocess.Popen([str(word) for word in command], cwd=directory, start_new_session=True,
                               env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL)
    try:
        return process.wait(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        print(f"*** no end after {limit_seconds:.0f} s: {' '.join(map(str, command))}", flush=True)
        _end(process)
        return TIMED_OUT
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(timeout=GRACE_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
