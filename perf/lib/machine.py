"""The machine: hugepages for the time of a run, what else it is doing, and how it is described."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from types import TracebackType

from lab.shell import LabError

_HUGEPAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
# A core for what is measured; control threads, agents and these scripts share the other ones.
MEASURED_CPU = max(os.sched_getaffinity(0))
CONTROL_CPU = min(os.sched_getaffinity(0))


class Hugepages:
    """Sees to free 2 MiB hugepages for the time of a "with" block; then the number is what it was."""

    def __init__(self, mebibytes: int) -> None:
        self._pages = -(-mebibytes // 2)
        self._before = 0

    def __enter__(self) -> Hugepages:
        self._before = int((_HUGEPAGES / "nr_hugepages").read_text())
        free = int((_HUGEPAGES / "free_hugepages").read_text())
        if free < self._pages:
            self._set(self._before + self._pages - free)
            free = int((_HUGEPAGES / "free_hugepages").read_text())
        if free < self._pages:
            self._set(self._before)
            raise LabError(f"{self._pages} hugepages of 2 MiB are needed and {free} can be had: "
                           "free some memory, or measure fewer flows")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._set(self._before)

    @staticmethod
    def _set(pages: int) -> None:
        try:
            (_HUGEPAGES / "nr_hugepages").write_text(str(pages))
        except OSError as error:
            raise LabError(f"can't set the number of hugepages: {error}; run as root") from error


def put_ahead(pid: int, niceness: int = -20) -> None:
    """What is measured runs ahead of everything else on the machine, so that its cycles are its own.

    `pid` has a session of its own, whose threads the kernel schedules as one where sessions are grouped.
    """
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), niceness)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness))


def load() -> float:
    """Processes that ran or wanted to, averaged over the last minute."""
    return round(os.getloadavg()[0], 2)


def run_time(pid: int, thread_pattern: str) -> float:
    """CPU seconds that a process's thread with a name like this has had. Raises LabError if there is none."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if re.search(thread_pattern, (task / "comm").read_text()):
            return int((task / "schedstat").read_text().split()[0]) / 1e9
    raise LabError(f"process {pid} has no thread {thread_pattern}")


def _last_level_cache() -> str:
    """The size of the largest cache that the first processor has, such as "32768K"; empty where it isn't told."""
    sizes = [path.read_text().strip() for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    return max(sizes, key=lambda size: int(size.rstrip("KM")), default="")


def describe() -> dict[str, str | int]:
    """What a reader of the figures wants to know."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpuinfo)
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return {"processor": model[1] if model else os.uname().machine, "cpus": os.cpu_count() or 1,
            "last_level_cache": _last_level_cache(), "kernel": os.uname().release,
            "memory_mib": int(memory[1]) // 1024 if memory else 0}
