"""Suites of real processes: each module of tests in a pytest process of its own, two at once where that harms neither.

They mostly wait, for leases, time-outs and guests, so two on two cores take half the time. Whatever measures, or starts
machines, or counts on being on time runs alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import second_try
from .builds import SOURCE
from .command import TIMED_OUT, Job, run, run_side_by_side
from .results import SuiteResult

PYTHON = "/usr/bin/python3"
AT_ONCE = 2
ALONE = frozenset({"test_agent_restart", "test_benchmarks", "test_demo", "test_faults", "test_overload", "test_vhost",
                   "test_workers"})
ALL_PASSED, TESTS_FAILED = 0, 1  # exit codes of pytest


def run_modules(result: SuiteResult, build: Path, results: Path, folder: Path, *, limit_seconds: float) -> None:
    """Runs the modules in `folder`, and few failed tests a second time; what each said comes into `results`."""
    as_root = _as_root()
    if as_root is None:
        result.skip("network namespaces need root: run make test as root, or sudo -v before it")
        return
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)

    def pytest(junit: Path, tests: Sequence[str | Path]) -> list[str | Path]:
        return [*as_root, "env", f"ALKAID_BUILD={build}", "PYTHONDONTWRITEBYTECODE=1", PYTHON, "-m", "pytest", "-p",
                "no:cacheprovider", "-v", "--tb=short", f"--junitxml={junit}", *tests]

    # The largest first, so that no long one is left to run at the end by itself.
    modules = sorted(folder.glob("test_*.py"), key=lambda path: -path.stat().st_size)
    jobs = {path: Job(pytest(_junit(results, path), [path]), results / f"{path.stem}.log") for path in modules}
    codes: dict[Path, int] = {}

    def ended(path: Path, code: int, seconds: float) -> None:
        codes[path] = code
        output = jobs[path].log.read_text(errors="replace")
        closing = (output.splitlines() or ["no output"])[-1].strip("= ")
        print(f"{path.stem}: {closing}" if code != TIMED_OUT else f"{path.stem}: no end after {seconds:.0f} s", flush=True)
        if code != ALL_PASSED:
            print(output, flush=True)

    for alone in (False, True):
        run_side_by_side({path: jobs[path] for path in modules if (path.stem in ALONE) == alone},
                         at_once=1 if alone else AT_ONCE, directory=SOURCE, limit_seconds=limit_seconds, ended=ended)

    failed = [case for path in modules if codes[path] == TESTS_FAILED for case in second_try.failed_tests(_junit(results, path))]
    repeated = second_try.repeatable(failed)
    unsteady: set[str] = set()
    if repeated and len(failed) <= second_try.MOST:
        again = results / "again.xml"
        print(f"\n== {len(failed)} failed; {len(repeated)} once more, alone ==", flush=True)
        run(pytest(again, second_try.node_ids(repeated)), limit_seconds=limit_seconds, directory=SOURCE)
        unsteady = second_try.passed_tests(again)
    for path in modules:
        before = result.failed
        result.add_junit(_junit(results, path), unsteady)
        mended = codes[path] == TESTS_FAILED and unsteady.issuperset(
            second_try.names(second_try.failed_tests(_junit(results, path))))
        result.require_outcome(before, ALL_PASSED if mended else codes[path])


def _junit(results: Path, module: Path) -> Path:
    return results / f"{module.stem}.xml"


def _as_root() -> list[str] | None:
    """What goes before a command that needs root; None if there is no way to it."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo") or subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode != 0:
        return None
    return ["sudo", "-n"]
