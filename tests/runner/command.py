"""Runs a command with a time limit and ends all of it when the limit or an interrupt comes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

# What a command gets to clean up after itself before it is killed.
GRACE_SECONDS = 30
TIMED_OUT = 124


def run(command: Sequence[str | Path], *, limit_seconds: float, environment: dict[str, str] | None = None,
        directory: Path | None = None, log: Path | None = None) -> int:
    """Runs `command` with its output on ours or in `log`. Returns its exit code, TIMED_OUT after the limit.

    The command has a process group of its own, so that ending it ends what it started.
    """
    process = start(command, environment=environment, directory=directory, log=log)
    try:
        return process.wait(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        print(f"*** no end after {limit_seconds:.0f} s: {' '.join(map(str, command))}", flush=True)
        end(process)
        return TIMED_OUT
    except BaseException:
        end(process)
        raise


def start(command: Sequence[str | Path], *, environment: dict[str, str] | None = None, directory: Path | None = None,
          log: Path | None = None) -> subprocess.Popen[bytes]:
    """Starts `command` as the leader of a process group, with its output on ours or in `log`."""
    with log.open("wb") if log else contextlib.nullcontext() as output:
        return subprocess.Popen([str(word) for word in command], cwd=directory, start_new_session=True,
                                env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT if log else None)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends `process` and all that it started: asks first."""
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
