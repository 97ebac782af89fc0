"""What a suite came to: counts of its single tests, read from JUnit files."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from .command import TIMED_OUT


def case_name(case: ElementTree.Element) -> str:
    """The full name of a JUnit file's test case: "tests.e2e.test_mtu.test_a_thing[variant]"."""
    return f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")


def is_failure(case: ElementTree.Element) -> bool:
    """Whether the test case of a JUnit file failed, or could not be set up."""
    return case.find("failure") is not None or case.find("error") is not None


@dataclass
class SuiteResult:
    """Counts of one suite, its time, and what to tell about it."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def count_case(self, passed: bool) -> None:
        """Counts one test that isn't described by a JUnit file."""
        if passed:
            self.passed += 1
        else:
            self.failed += 1

    def fail(self, why: str) -> None:
        """Counts a failure of the suite itself, outside any of its tests."""
        self.failed += 1
        self.notes.append(why)

    def skip(self, why: str) -> None:
        """Counts the suite as skipped as a whole."""
        self.skipped += 1
        self.notes.append(f"skipped: {why}")

    def require_outcome(self, failed_before: int, code: int) -> None:
        """A runner that failed without a failed test, or ran nothing, is a failure too. code: its exit code, or TIMED_OUT."""
        if code == TIMED_OUT:
            self.fail("the time limit was reached")
        elif code != 0 and self.failed == failed_before:
            self.fail(f"the test runner ended with code {code}")
        elif self.passed + self.failed + self.skipped == 0:
            self.fail("no test ran")

    def add_junit(self, path: Path, unsteady: Collection[str] = ()) -> None:
        """Adds the test cases of a JUnit file; one that is missing or broken is a failure.

        Failures of tests in `unsteady`, which have passed since, count as passed and are told.
        """
        try:
            root = ElementTree.parse(path).getroot()
        except (OSError, ElementTree.ParseError) as error:
            self.fail(f"no readable result file: {error}")
            return
        for case in root.iter("testcase"):
            name = case_name(case)
            skip = case.find("skipped")
            if is_failure(case) and name in unsteady:
                self.passed += 1
                self.notes.append(f"UNSTEADY: {name} failed, and passed when it ran once more")
            elif is_failure(case):
                self.failed += 1
                self.notes.append(f"failed: {name}")
            elif skip is not None:
                self.skipped += 1
                self.notes.append(f"skipped: {name}: {skip.get('message') or 'no reason given'}")
            else:
                self.passed += 1
