"""Long-running processes with a log file, ended by their own process id and by nothing wider."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .namespace import Namespace
from .shell import LabError, ProcessEnded, wait_until

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    # If the lab itself is killed, what it started must not stay behind.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program running in a namespace; its output goes to a log file."""

    def __init__(self, name: str, namespace: Namespace, words: Sequence[str | Path], log: Path, *,
                 outlives_us: bool = False) -> None:
        self.name = name
        self.log_path = log
        with open(log, "ab") as output:
            # A session of its own: Ctrl-C reaches us, and we end it in the right order.
            # "ip netns exec" replaces itself by the program, so the id is the program's own.
            self._process = subprocess.Popen(
                namespace.command(words), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=None if outlives_us else _die_with_parent)
        namespace.processes.append(self)

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self.log_path.read_text(errors="replace")

    def log_tail(self, lines: int = 25) -> str:
        """The last lines of its log, for error messages."""
        return f"--- last lines of {self.name}'s log:\n" + "\n".join(self.log.splitlines()[-lines:])

    def wait_for_log(self, text: str, *, timeout: float = 20, after: int = 0) -> None:
        """Waits until `text` is in the log behind byte `after`; tells the log if it doesn't come."""

        def found() -> bool:
            if text in self.log[after:]:
                return True
            self.require_running()
            return False

        try:
            wait_until(found, f"{self.name} says {text!r}", timeout=timeout)
        except ProcessEnded:
            raise
        except LabError as error:
            raise LabError(f"{error}\n{self.log_tail()}") from error

    def require_running(self) -> None:
        """Raises LabError with the log's end if the program has ended."""
        code = self._process.poll()
        if code is not None:
            raise ProcessEnded(f"{self.name} ended with code {code}\n{self.log_tail()}")

    def wait(self, timeout: float) -> int:
        """Waits for its end and returns the exit code (negative: the signal)."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{self.name} did not end within {timeout:g} s\n{self.log_tail()}") from error

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal if it still runs."""
        if self.running:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, and waits until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def stop(self, timeout: float = 10) -> int:
        """Asks it to end (SIGTERM) and returns the exit code; kills it if it doesn't end in time."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except LabError:
            self.kill()
            raise

