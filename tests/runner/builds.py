"""Build directories: the normal one, one with sanitizers, one with fuzzers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .command import run

SOURCE = Path(__file__).resolve().parents[2]
BUILD_LIMIT_SECONDS = 45 * 60
# Debug information of the kind that a stack trace needs; all of it takes a fifth of the time to compile.
LINES_ONLY = "-g1"
SANITIZED_SUITES = ("unit", "pipeline")


class BuildError(Exception):
    """A configuration or build step failed."""


@dataclass(frozen=True)
class Build:
    """A meson build directory and what it is configured with."""

    directory: Path
    options: tuple[str, ...] = ()
    compiler: str | None = None

    def configure(self) -> None:
        """Runs meson setup, or brings a directory that is configured up to date."""
        if (self.directory / "build.ninja").exists():
            self.compile(["build.ninja"])
            return
        environment = {"CXX": self.compiler} if self.compiler else None
        if run(["meson", "setup", self.directory, SOURCE, *self.options],
               limit_seconds=300, environment=environment) != 0:
            raise BuildError(f"meson setup {self.directory.name} failed")

    def compile(self, targets: list[str]) -> None:
        """Builds `targets` (paths below the build directory)."""
        quiet = [] if sys.stdout.isatty() else ["--quiet"]
        if run(["ninja", "-C", self.directory, *quiet, *targets], limit_seconds=BUILD_LIMIT_SECONDS) != 0:
            raise BuildError(f"the build in {self.directory.name} failed")

    def introspect(self, what: str) -> Any:
        """meson's own description of the build: "tests", "targets"."""
        answer = subprocess.run(["meson", "introspect", f"--{what}", str(self.directory)], check=True,
                                capture_output=True, text=True, timeout=60)
        return json.loads(answer.stdout)

    def test_programs(self, suites: set[str]) -> list[str]:
        """Targets that the tests of `suites` run."""
        targets = {file for target in self.introspect("targets") for file in target["filename"]}
        programs: set[str] = set()
        for test in self.introspect("tests"):
            if suites & {suite.split(":")[-1] for suite in test["suite"]}:
                for word in test["cmd"]:
                    # Absolute, or below the build directory if another program starts it.
                    path = self.directory / word
                    if str(path) in targets:
                        programs.add(str(path.relative_to(self.directory)))
        return sorted(programs)

    def fuzz_programs(self) -> list[Path]:
        """The fuzz targets' programs."""
        return sorted(
            Path(target["filename"][0])
            for target in self.introspect("targets")
            if target["type"] == "executable" and (SOURCE / "tests/fuzz") in Path(target["defined_in"]).parents)

    def compile_tests(self, suites: Iterable[str]) -> None:
        """Configures, and builds what the tests of `suites` run."""
        self.configure()
        for suite in suites:
            programs = self.test_programs({suite})
            if not programs:
                raise BuildError(f"no test is registered in suite {suite}")
            self.compile(programs)

    def compile_fuzzers(self) -> list[Path]:
        """Configures, and builds the fuzz targets' programs, which it returns."""
        self.configure()
        programs = self.fuzz_programs()
        if not programs:
            raise BuildError("no fuzz target is defined")
        self.compile([str(program.relative_to(self.directory)) for program in programs])
        return programs


def normal(directory: Path) -> Build:
    """The build that users run."""
    return Build(directory)


def sanitized() -> Build:
    """AddressSanitizer and UndefinedBehaviorSanitizer, every finding fatal."""
    return Build(SOURCE / "build-asan", options=(
        # The compiler warns falsely about instrumented code.
        "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Doptimization=1", "-Dwerror=false",
        f"-Dcpp_args=-fno-sanitize-recover=all {LINES_ONLY}"))


def fuzzing() -> Build:
    """libFuzzer with both sanitizers; needs clang."""
    return Build(SOURCE / "build-fuzz", compiler="clang++-14", options=(
        "-Dfuzzers=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
        f"-Dcpp_args=-fno-sanitize-recover=all {LINES_ONLY}"))
