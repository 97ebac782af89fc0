"""Runs a command with a time limit and ends all of it when the limit or an interrupt comes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

# What a command gets to clean up after itself before it is killed.
GRACE_SECONDS = 30
TIMED_OUT = 124
POLL_SECONDS = 0.1

Name = TypeVar("Name")


@dataclass(frozen=True)
class Job:
    """A command, and the file that gets its output."""

    command: Sequence[str | Path]
    log: Path


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


def run_side_by_side(jobs: Mapping[Name, Job], *, at_once: int, limit_seconds: float, directory: Path,
                     ended: Callable[[Name, int, float], None]) -> None:
    """Runs all `jobs` in their order, at most `at_once` at a time, each with a limit of its own.

    Calls `ended` with the name, exit code (TIMED_OUT after the limit) and seconds of each as it ends. An interrupt ends all.
    """
    waiting = list(jobs)
    running: dict[Name, tuple[subprocess.Popen[bytes], float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                name = waiting.pop(0)
                running[name] = start(jobs[name].command, directory=directory, log=jobs[name].log), time.monotonic()
            time.sleep(POLL_SECONDS)
            for name, (process, since) in list(running.items()):
                code, seconds = process.poll(), time.monotonic() - since
                if code is None and seconds > limit_seconds:
                    end(process)
                    code = TIMED_OUT
                if code is not None:
                    del running[name]
                    ended(name, code, seconds)
    finally:
        for process, _ in running.values():
            end(process)


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
