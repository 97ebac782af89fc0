"""What every script here does around its work: cleaning up, exit codes, progress."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.namespace import Namespace, new_lab_name, sweep_abandoned
from lab.shell import LabError


def progress(text: str) -> None:
    """Says what goes on, on stderr."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def bench() -> Iterator[tuple[Namespace, Path]]:
    """A namespace and a directory. What was started in the namespace ends with the block, and both go."""
    sweep_abandoned()
    namespace = Namespace(new_lab_name(), "perf")
    try:
        with tempfile.TemporaryDirectory(prefix="alkaid-perf-", ignore_cleanup_errors=True) as scratch:
            try:
                yield namespace, Path(scratch)
            finally:
                handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
                namespace.stop_processes()
                for number, handler in handlers.items():
                    signal.signal(number, handler)
    finally:
        namespace.delete()


def run_main(name: str, main: Callable[[], int]) -> int:
    """Runs a script's main function. Exit codes: 0 done, 1 failed, 2 wrong flags, 130 and 143 interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return main()
    except LabError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
