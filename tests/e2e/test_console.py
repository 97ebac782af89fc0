"""The console on a running host: every show command as text and as JSON, and a person at a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator

import pytest
from lab import Lab
from lab.console import Console
from lab.shell import run

SHOWS = ["version", "port", "port green-1", "neighbor", "route", "segment", "dhcp", "drops", "worker", "graph",
         "underlay", "config", "event"]


@pytest.fixture(scope="module")
def console(leased: Lab) -> Console:
    """Host 1's console, with some traffic to show."""
    leased.guests["green-1"].ping("10.1.0.12")
    leased.guests["green-1"].ping("10.1.0.99", count=1)
    return leased.hosts[1].console


@pytest.mark.parametrize("what", SHOWS)
def test_show(console: Console, what: str) -> None:
    """Text for people; the same as one JSON object for programs."""
    assert console.text("show", *what.split()).strip()
    assert console.json("show", *what.split())


@pytest.mark.parametrize(("what", "text"), [
    ("version", "10.0.0.1"),
    ("port", "green-1"),
    ("neighbor", "02:00:00:00:01:12"),
    ("route", "10.2.0.0/24"),
    ("dhcp", "10.1.0.11"),
    ("drops", "arp_target_unknown"),
    ("underlay", "10.0.0.2"),
])
def test_show_content(console: Console, what: str, text: str) -> None:
    """What is shown is what is there."""
    assert text in console.text("show", what)


def test_wrong_words(console: Console) -> None:
    """A wrong word is named, with an exit code not 0."""
    finished = run(console.command("show", "nonsense"), check=False)
    assert finished.returncode != 0
    assert "nonsense" in finished.stdout + finished.stderr


def test_nothing_runs_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An instance that doesn't run: a clear message within a moment."""
    started = time.monotonic()
    nowhere = Console(tmp_path_factory.mktemp("nowhere"))
    finished = run(nowhere.command("show", "port"), check=False)
    assert finished.returncode != 0 and "dataplane.sock" in finished.stdout + finished.stderr
    assert time.monotonic() - started < 5


class Terminal:
    """The interactive console on a pseudo-terminal."""

    def __init__(self, console: Console) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(console.command(), stdin=theirs, stdout=theirs, stderr=theirs,
                                        start_new_session=True)
        os.close(theirs)

    def type(self, keys: str) -> None:
        """Types on the keyboard."""
        os.write(self._ours, keys.encode())

    def read_until(self, text: str, timeout: float = 5) -> str:
        """What the screen shows until `text` is on it."""
        seen = ""
        deadline = time.monotonic() + timeout
        while text not in seen and time.monotonic() < deadline:
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    seen += os.read(self._ours, 65536).decode(errors="replace")
                except OSError:
                    break
        assert text in seen, f"{text!r} is not in {seen!r}"
        return seen

    def close(self) -> None:
        """Ends the console if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(console: Console) -> Iterator[Terminal]:
    """An interactive console."""
    opened = Terminal(console)
    yield opened
    opened.close()


def test_interactive(terminal: Terminal) -> None:
    """Commands, completion, help, and an end."""
    terminal.read_until(">")
    terminal.type("show ver\t")
    terminal.read_until("show version")
    terminal.type("\n")
    terminal.read_until("10.0.0.1")
    terminal.type("show port gre\t")
    terminal.read_until("green-1")
    terminal.type("\n")
    terminal.read_until("10.1.0.11")
    terminal.type("help\n")
    terminal.read_until("show drops")
    terminal.type("quit\n")
    assert terminal.process.wait(5) == 0


def test_quit_leaves_everything_running(leased: Lab, terminal: Terminal) -> None:
    """Also when the console is killed."""
    terminal.read_until(">")
    terminal.process.kill()
    terminal.process.wait(5)
    for host in leased.hosts.values():
        host.dataplane.require_running()
        host.agent.require_running()
    assert leased.guests["green-1"].ping("10.1.0.12").received == 3
