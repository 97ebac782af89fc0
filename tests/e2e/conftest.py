"""Labs for the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lab import Lab, two_hosts

_labs: list[Lab] = []


def _remember(lab: Lab) -> Lab:
    _labs.append(lab)
    return lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two hosts with the example goal states applied; shared by the tests of a module."""
    with two_hosts() as made:
        _remember(made)
        made.apply_examples()
        yield made
        _labs.remove(made)


@pytest.fixture(scope="module")
def leased(lab: Lab) -> Lab:
    """The lab with an address in every guest."""
    for guest in lab.guests.values():
        guest.lease()
    return lab


@pytest.fixture
def unplugged_lab() -> Iterator[Lab]:
    """Two hosts whose guests are not connected yet, and on which nothing runs yet. Not shared."""
    with two_hosts(start=False, plugged=False) as made:
        _remember(made)
        yield made
        _labs.remove(made)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    """A failed test shows what the data planes and agents had to say."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and _labs:
        report.sections.append(("logs of the lab", "\n".join(lab.logs() for lab in _labs)))
