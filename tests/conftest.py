"""Set-up shared by the tests that are written in Python (e2e/ and demo/)."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "e2e"))


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def pytest_configure() -> None:
    """SIGTERM ends the run as Ctrl-C does: labs are taken down."""
    signal.signal(signal.SIGTERM, _interrupt)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root there are no network namespaces."""
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="network namespaces need root"))
