"""A second try of few failed tests of real processes, on a machine that other work may have held up.

It hides nothing: a test that needed it is told as UNSTEADY in the summary. Many failures are no accident and get none.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path

from .results import case_name, is_failure

MOST = 3  # failures of one suite that are given a second try


def _cases(junit: Path) -> list[ElementTree.Element]:
    try:
        return list(ElementTree.parse(junit).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []


def failed_tests(junit: Path) -> list[ElementTree.Element]:
    """The test cases that failed."""
    return [case for case in _cases(junit) if is_failure(case)]


def passed_tests(junit: Path) -> set[str]:
    """The names of the test cases that passed."""
    return {case_name(case) for case in _cases(junit) if not is_failure(case) and case.find("skipped") is None}


def names(cases: Iterable[ElementTree.Element]) -> set[str]:
    """Their full names."""
    return {case_name(case) for case in cases}


def node_ids(cases: Iterable[ElementTree.Element]) -> list[str]:
    """What pytest calls them on its command line; they are functions of modules, never of classes."""
    return [f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}" for case in cases]
