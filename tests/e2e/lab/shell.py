"""Commands with time limits, and waiting for something to come true."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

# Daemons and network tools live in sbin, which an ordinary user's PATH lacks.
os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


class LabError(Exception):
    """Something in the lab did not do what it was told."""


class ProcessEnded(LabError):
    """A process that should run has ended: waiting longer is in vain."""


def run(command: Sequence[str | Path], *, timeout: float = 20, check: bool = True,
        environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `command` to its end. Raises LabError after `timeout` seconds or, if `check`, for a code not 0."""
    words = [str(word) for word in command]
    try:
        finished = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                                  timeout=timeout, env={**os.environ, **(environment or {})}, check=False)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout:g} s: {' '.join(words)}") from error
    except OSError as error:
        raise LabError(f"cannot run {' '.join(words)}: {error}") from error
    if check and finished.returncode != 0:
        raise LabError(f"{' '.join(words)} ended with code {finished.returncode}\n"
                       f"{finished.stdout}{finished.stderr}")
    return finished


def wait_until(condition: Callable[[], Result], what: str, *, timeout: float = 10, interval: float = 0.05) -> Result:
    """Calls `condition` until what it returns is true and returns that. A LabError counts as not yet."""
    deadline = time.monotonic() + timeout
    last_error: LabError | None = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last_error = None
        except ProcessEnded:
            raise
        except LabError as error:
            last_error = error
        if time.monotonic() > deadline:
            raise LabError(f"not within {timeout:g} s: {what}" + (f"\n{last_error}" if last_error else ""))
        time.sleep(interval)
