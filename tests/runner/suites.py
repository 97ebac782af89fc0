"""The suites, in the order in which they run: the quickest to tell first."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import builds, second_try
from .builds import SOURCE, Build, BuildError
from .command import run
from .real_processes import run_modules
from .results import SuiteResult

FUZZ_SECONDS = int(os.environ.get("ALKAID_FUZZ_SECONDS", "10"))


@dataclass(frozen=True)
class Context:
    """What suites need to know."""

    build: Path
    results: Path


def _meson_test(build: Build, suite: str, log: str, wrapper: str | None) -> list[str | Path]:
    """The command that runs a suite's programs; arguments may follow."""
    return ["meson", "test", "-C", build.directory, "--no-rebuild", "--suite", suite, "--logbase", log,
            "--print-errorlogs", "--timeout-multiplier", "10", *([f"--wrapper={wrapper}"] if wrapper else [])]


def _meson_suite(result: SuiteResult, build: Build, suite: str, *, limit_seconds: float,
                 wrapper: str | None = None, environment: dict[str, str] | None = None) -> None:
    build.compile_tests([suite])
    log = f"alkaid-{suite}"
    command = _meson_test(build, suite, log, wrapper)
    # meson adds the wrapper's name to the names of its logs.
    logs = build.directory / "meson-logs"
    for stale in logs.glob(f"{log}*.junit.xml"):
        stale.unlink()
    code = run(command, limit_seconds=limit_seconds, environment=environment)
    before = result.failed
    for junit in sorted(logs.glob(f"{log}*.junit.xml")) or [logs / f"{log}.junit.xml"]:
        unsteady: set[str] = set()
        if code != 0:
            unsteady, again = _cases_once_more(build, suite, junit, wrapper=wrapper, environment=environment)
            code = 0 if unsteady and again else code
        result.add_junit(junit, unsteady)
    result.require_outcome(before, code)


def _cases_once_more(build: Build, suite: str, junit: Path, *, wrapper: str | None,
                     environment: dict[str, str] | None) -> tuple[set[str], bool]:
    """Few failed cases get a second try, alone: those that passed, and whether all did."""
    failed = second_try.failed_cases(junit.with_name(junit.name.replace(".junit.xml", ".json")), junit)
    number = sum(len(cases) for cases in failed.values())
    if not 0 < number <= second_try.MOST:
        return set(), False
    print(f"\n== {suite}: {number} failed; once more, alone ==", flush=True)
    passed: set[str] = set()
    held: set[str] = set()
    for program, cases in failed.items():
        command = [*_meson_test(build, suite, f"again-{suite}", wrapper), program,
                   f"--test-args=--gtest_filter={':'.join(cases)}"]
        ended = run(command, limit_seconds=300, environment=environment)
        (passed if ended == 0 else held).update(cases)
    return passed - held, not held


def unit(result: SuiteResult, context: Context) -> None:
    """Unit tests: no EAL, no root, seconds."""
    _meson_suite(result, builds.normal(context.build), "unit", limit_seconds=600)


def pipeline(result: SuiteResult, context: Context) -> None:
    """The real graph on ring devices, table-driven."""
    _meson_suite(result, builds.normal(context.build), "pipeline", limit_seconds=600)


def races(result: SuiteResult, context: Context) -> None:
    """Workers and the control thread on what they share, under ThreadSanitizer."""
    _meson_suite(result, builds.normal(context.build), "races", limit_seconds=300)


def fuzz(result: SuiteResult, context: Context) -> None:
    """Every fuzz target for a short, bounded time, from its seed corpus."""
    programs = builds.fuzzing().compile_fuzzers()
    print(f"fuzz: {len(programs)} targets for {FUZZ_SECONDS} s each", flush=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as runs:
        codes = list(runs.map(lambda program: _fuzz(program, context.results / "fuzz" / program.name), programs))
    for program, code in zip(programs, codes):
        result.count_case(code == 0)
        if code != 0:
            work = context.results / "fuzz" / program.name
            print((work / "log").read_text(errors="replace"), flush=True)
            result.notes.append(f"failed: {program.name}: the input that did it is in {work}")


def _fuzz(program: Path, work: Path) -> int:
    """Runs one fuzz target; what it finds and its output come into `work`. Returns its exit code."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "corpus").mkdir(parents=True)
    seeds = SOURCE / "tests/fuzz/corpus" / program.name
    folders: list[Path] = [work / "corpus"] + ([seeds] if seeds.is_dir() else [])
    return run(["setarch", platform.machine(), "-R", program, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10",
                "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={work}/", *folders],
               limit_seconds=FUZZ_SECONDS + 120, directory=work, log=work / "log")


def sanitizers(result: SuiteResult, context: Context) -> None:
    """Unit and pipeline tests once more under AddressSanitizer and UndefinedBehaviorSanitizer."""
    build = builds.sanitized()
    environment = {
        "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "LSAN_OPTIONS": f"suppressions='{SOURCE}/tests/runner/leaks-of-libraries.txt':print_suppressions=0",
    }
    # The sanitizers of this generation of compilers can't place their shadow memory when the kernel
    # randomizes addresses as widely as new ones do.
    wrapper = f"setarch {platform.machine()} -R"
    for suite in builds.SANITIZED_SUITES:
        _meson_suite(result, build, suite, limit_seconds=1200, wrapper=wrapper, environment=environment)


def end_to_end(result: SuiteResult, context: Context) -> None:
    """Real processes, network namespaces, real guests. Needs root."""
    run_modules(result, context.build, context.results / "e2e", SOURCE / "tests/e2e", limit_seconds=10 * 60)


def demo(result: SuiteResult, context: Context) -> None:
    """The demo holds, notices a stopped data plane, and cleans up after Ctrl-C. Needs root."""
    run_modules(result, context.build, context.results / "demo", SOURCE / "tests/demo", limit_seconds=15 * 60)


SUITES: dict[str, Callable[[SuiteResult, Context], None]] = {
    "unit": unit,
    "pipeline": pipeline,
    "e2e": end_to_end,
    "demo": demo,
    "races": races,
    "fuzz": fuzz,
    "sanitizers": sanitizers,
}


def run_suite(name: str, context: Context) -> SuiteResult:
    """Runs one suite; whatever goes wrong in it becomes a failure in its result."""
    result = SuiteResult(name)
    started = time.monotonic()
    try:
        SUITES[name](result, context)
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        result.fail(str(error))
    result.seconds = time.monotonic() - started
    return result
