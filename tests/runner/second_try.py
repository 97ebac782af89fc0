"""A second try of few failed tests of real processes or the real graph, on a machine that other work may have held up.

It hides nothing: a test that needed it is told as UNSTEADY in the summary. Many failures are no accident and get none,
nor does a test that draws other chances each time: its second try would be another test.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from .results import case_name, is_failure

MOST = 3  # failures of one suite that are given a second try
DRAWN_BY_CHANCE = frozenset({"test_kills_at_random"})


def _cases(junit: Path) -> list[ElementTree.Element]:
    try:
        return list(ElementTree.parse(junit).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []


def failed_tests(junit: Path) -> list[ElementTree.Element]:
    """The test cases that failed."""
    return [case for case in _cases(junit) if is_failure(case)]


def repeatable(cases: Iterable[ElementTree.Element]) -> list[ElementTree.Element]:
    """Those whose second try would be the same test."""
    return [case for case in cases if case.get("name", "").partition("[")[0] not in DRAWN_BY_CHANCE]


def passed_tests(junit: Path) -> set[str]:
    """The names of the test cases that passed."""
    return {case_name(case) for case in _cases(junit) if not is_failure(case) and case.find("skipped") is None}


def names(cases: Iterable[ElementTree.Element]) -> set[str]:
    """Their full names."""
    return {case_name(case) for case in cases}


def node_ids(cases: Iterable[ElementTree.Element]) -> list[str]:
    """What pytest calls them on its command line; they are functions of modules, never of classes."""
    return [f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}" for case in cases]


def failed_cases(meson_log: Path, junit: Path) -> dict[str, list[str]]:
    """The failed cases of each test program of a meson run; none if a program failed in another way than by cases.

    A crash, a sanitizer's finding, a leak and a time-out are no accidents.
    """
    cases: dict[str, list[str]] = defaultdict(list)
    try:
        programs = [json.loads(line) for line in meson_log.read_text().splitlines()]
        suites = list(ElementTree.parse(junit).getroot().iter("testsuite"))
    except (OSError, ValueError, ElementTree.ParseError):
        return {}
    for suite in suites:
        # "project.project:suite / program.Suite", and the suites of parametrized tests have a "/" of their own.
        _, _, program = suite.get("name", "").partition(" / ")
        for case in suite.iter("testcase"):
            if is_failure(case):
                own = program.removesuffix(f".{case.get('classname', '')}")
                cases[own].append(case_name(case))
    failed = {program["name"].rpartition(" / ")[2]: program for program in programs
              if program["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")}
    by_cases_alone = all(program["returncode"] == 1 and cases.get(name) for name, program in failed.items())
    return dict(cases) if by_cases_alone else {}
