"""Network namespaces and the veth pairs between them."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .shell import LabError, run

_PREFIX = "alkaid"
_serials = itertools.count(1)


def new_lab_name() -> str:
    """A name that no other lab on this machine has: the process's id and a number."""
    return f"{_PREFIX}-{os.getpid()}-{next(_serials)}"


class Stoppable(Protocol):
    """A long-running process (process.Process)."""

    def stop(self) -> int:
        """Ends it."""


class Namespace:
    """A network namespace without IPv6, so that the kernel's own chatter doesn't blur counters."""

    def __init__(self, lab: str, role: str) -> None:
        self.role = role
        self.name = f"{lab}-{role}"
        self.processes: list[Stoppable] = []
        run(["ip", "netns", "add", self.name])
        self.set_kernel("net/ipv6/conf/all/disable_ipv6", 1)
        self.set_kernel("net/ipv6/conf/default/disable_ipv6", 1)
        self.run(["ip", "link", "set", "lo", "up"])

    def command(self, words: Sequence[str | Path]) -> list[str]:
        """`words` as a command that runs in this namespace."""
        return ["ip", "netns", "exec", self.name, *(str(word) for word in words)]

    def run(self, words: Sequence[str | Path], **options):  # type: ignore[no-untyped-def]
        """shell.run in this namespace."""
        return run(self.command(words), **options)

    def set_kernel(self, key: str, value: int | str) -> None:
        """Writes /proc/sys/KEY as this namespace sees it."""
        self.run(["sh", "-c", f"echo {value} > /proc/sys/{key}"])

    def has_device(self, device: str) -> bool:
        """Whether the namespace has a network device of that name."""
        return self.run(["ip", "link", "show", "dev", device], check=False).returncode == 0

    def stop_processes(self) -> None:
        """Ends what was started here, the youngest first; never raises."""
        for process in reversed(self.processes):
            try:
                process.stop()
            except LabError as error:
                print(f"lab: {error}", file=sys.stderr)

    def delete(self) -> None:
        """Removes the namespace and the devices in it; never raises."""
        try:
            run(["ip", "netns", "del", self.name], check=False)
        except LabError:
            pass


def add_veth(first: Namespace, first_device: str, second: Namespace, second_device: str, *,
             first_mac: str | None = None, mtu: int = 1500) -> None:
    """A veth pair with one end in each namespace, both up."""
    address = ["address", first_mac] if first_mac else []
    run(["ip", "link", "add", first_device, "netns", first.name, "mtu", str(mtu), *address,
         "type", "veth", "peer", "name", second_device, "netns", second.name, "mtu", str(mtu)])
    first.run(["ip", "link", "set", first_device, "up"])
    second.run(["ip", "link", "set", second_device, "up"])


def sweep_abandoned() -> None:
    """Removes the namespaces of labs whose process was killed before it could clean up.

    A lab whose process is gone but in which something still runs was left so on purpose.
    """
    labs: dict[str, list[str]] = {}
    for name in _all_names():
        match = re.match(rf"({_PREFIX}-(\d+)-\d+)-", name)
        if match and not Path(f"/proc/{match[2]}").exists():
            labs.setdefault(match[1], []).append(name)
    for names in labs.values():
        if not any(run(["ip", "netns", "pids", name], check=False).stdout.strip() for name in names):
            for name in names:
                run(["ip", "netns", "del", name], check=False)


def namespaces_of(lab: str) -> list[str]:
    """The names of a lab's namespaces."""
    return [name for name in _all_names() if re.fullmatch(rf"{_PREFIX}-\d+-\d+", lab) and name.startswith(f"{lab}-")]


def end_processes_in(namespace: str) -> None:
    """Ends what runs in a namespace of ours: asks first, kills after five seconds."""

    def running() -> list[int]:
        return [int(pid) for pid in run(["ip", "netns", "pids", namespace], check=False).stdout.split()]

    for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0)):
        for pid in running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while running() and time.monotonic() < deadline:
            time.sleep(0.1)


def _all_names() -> list[str]:
    listing = run(["ip", "netns", "list"], check=False).stdout
    return [line.split()[0] for line in listing.splitlines() if line.strip()]
