"""Builds for later suites, made while suites run that mostly wait for real processes.

The compilers run with the idle policy: they get what the tests leave of the processors. It is a help only: a suite
whose turn has come builds what is missing itself, and it is that build whose failure counts.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from runner import builds  # noqa: E402
from runner.command import end, start  # noqa: E402

# What each builds; the argument is the directory of the normal build.
SUITES = {"races": lambda build: builds.normal(build).compile_tests(["races"]),
          "fuzz": lambda _: builds.fuzzing().compile_fuzzers(),
          "sanitizers": lambda _: builds.sanitized().compile_tests(builds.SANITIZED_SUITES)}
# Suites during which others may be built: of a unit or pipeline suite compilers would take the processors.
WAITING = frozenset({"e2e", "demo"})
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Ahead:
    """The process that builds ahead, if one does. A context manager: none outlives it."""

    def __init__(self, build: Path, log: Path) -> None:
        self._build = build
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def begin_suite(self, name: str, later: Iterable[str]) -> None:
        """Call before suite `name`, with those that come after it."""
        wanted = [suite for suite in later if suite in SUITES]
        if name not in WAITING:
            self.stop()
        elif self._process is None and wanted:
            print(f"built meanwhile for {' and '.join(wanted)}: {self._log}", flush=True)
            self._process = start([sys.executable, Path(__file__).resolve(), self._build, *wanted], log=self._log)

    def stop(self) -> None:
        """Ends what builds; what it has built stays."""
        if self._process is not None:
            end(self._process)
            self._process = None


def main(build: Path, suites: list[str]) -> int:
    """Builds for `suites`, one after another, until SIGTERM or the end of who started it; `build` is the normal one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    for suite in suites:
        SUITES[suite](build)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
    except (builds.BuildError, OSError) as error:
        sys.exit(f"ahead: {error}")
