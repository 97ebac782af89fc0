"""The demo as users run it: it holds, it would notice if it didn't, and it removes every trace."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest
from lab.shell import run, wait_until

DEMO = Path(__file__).resolve().parent / "run"
# The promise to users, once everything is built.
LONGEST_SECONDS = 120
STEPS = 10


def heed_interrupts() -> None:
    """A shell that runs us in the background has SIGINT ignored, and no script can take that back."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Demo:
    """A running demo whose output goes to a file."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._output_path = directory / "output"
        with open(self._output_path, "wb") as output:
            self.process = subprocess.Popen([DEMO, *options], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, start_new_session=True,
                                            preexec_fn=heed_interrupts)

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self._output_path.read_text(errors="replace")

    def wait(self, timeout: float) -> int:
        """Waits for its end."""
        try:
            return self.process.wait(timeout)
        finally:
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(30)

    def traces(self) -> list[str]:
        """Namespaces, files and processes that carry its process id."""
        mark = f"alkaid-{self.process.pid}-"
        namespaces = [line for line in run(["ip", "netns", "list"]).stdout.splitlines() if mark in line]
        files = [str(path) for path in Path("/tmp").glob(f"{mark}*")]
        processes = [line for line in run(["ps", "-eo", "pid,args"]).stdout.splitlines() if mark in line]
        return namespaces + files + processes


def test_everything_holds(tmp_path: Path) -> None:
    """Exit code 0, a table in which every step held, within the time that is promised."""
    demo = Demo(tmp_path)
    assert demo.wait(LONGEST_SECONDS) == 0, demo.output
    table = demo.output.split("What held")[1]
    assert len(re.findall(r"^  held  ", table, re.MULTILINE)) == STEPS, demo.output
    assert "FAILED" not in demo.output
    assert demo.traces() == []


def test_every_step_fails_with_the_data_planes_stopped(tmp_path: Path) -> None:
    """The demo's own self-check."""
    demo = Demo(tmp_path, "--self-check")
    assert demo.wait(240) == 0, demo.output
    table = demo.output.split("What held")[1]
    assert len(re.findall(r"^  FAILED  ", table, re.MULTILINE)) == STEPS, demo.output
    assert demo.traces() == []


@pytest.mark.parametrize(("until", "number"), [
    ("Setting up", signal.SIGINT),
    (f"1/{STEPS}", signal.SIGINT),
    (f"5/{STEPS}", signal.SIGINT),
    (f"2/{STEPS}", signal.SIGTERM),
], ids=["set-up", "first-step", "later-step", "sigterm"])
def test_interrupted(tmp_path: Path, until: str, number: signal.Signals) -> None:
    """Ctrl-C at any time, to the whole foreground group as a terminal does it: nothing stays behind."""
    demo = Demo(tmp_path)
    wait_until(lambda: until in demo.output, f"the demo says {until!r}", timeout=60)
    subprocess.run(["kill", f"-{number.value}", "--", f"-{demo.process.pid}"], check=True)
    assert demo.wait(40) != 0
    assert demo.traces() == []


def test_kept(tmp_path: Path) -> None:
    """KEEP=1: it goes on, the console attaches with the command that is printed, and it can be stopped."""
    demo = Demo(tmp_path, "--keep")
    assert demo.wait(LONGEST_SECONDS) == 0, demo.output
    stop = re.search(r"stop and remove it:\s+(?:sudo )?(\S+) --stop (\S+)", demo.output)
    assert stop, demo.output
    try:
        assert demo.traces() != []
        console = re.search(r"console of host 1:\s+(?:sudo )?(.+)", demo.output)
        assert console
        shown = run([*console[1].split(), "show", "port"]).stdout
        assert "green-1" in shown
        guest = re.search(r"into a guest:\s+(?:sudo )?ip netns exec (\S+)", demo.output)
        assert guest
        assert run(["ip", "netns", "exec", guest[1], "ping", "-c", "1", "-W", "1", "10.2.0.12"], check=False).returncode == 0
    finally:
        run([stop[1], "--stop", stop[2]], timeout=60)
    assert demo.traces() == []
