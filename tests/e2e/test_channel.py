"""The channel on which goal states come: who is admitted, and what hostile clients achieve."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import GoalState, LabError, Namespace, wait_until
from lab.certificates import Authority
from lab.console import Console
from lab.namespace import new_lab_name
from lab.process import Process
from lab.programs import PYTHON, TOOLS, program
from lab.shell import run

PORT = 50001


class LoneAgent:
    """An agent without a data plane in a namespace of its own."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="alkaid-channel-"))
        self.namespace = Namespace(new_lab_name(), "agent")
        self.console = Console(self.directory)
        self.process: Process | None = None

    def start(self, *options: str | Path, files: int | None = None) -> Process:
        """Starts it, with at most so many open files, and waits until it serves."""
        limit = [] if files is None else ["prlimit", f"--nofile={files}:{files}"]
        self.process = Process("the agent", self.namespace,
                               [*limit, program("alkaid-agent"), "--run-dir", self.directory, "--state-dir",
                                self.directory / "state", "--listen-address", "127.0.0.1", "--port", str(PORT),
                                *options], self.directory / "agent.log")
        self.process.wait_for_log("ready")
        return self.process

    def push(self, *options: str | Path, timeout: float = 90) -> int:
        """Pushes an example; returns the client's exit code: 0 if it was taken."""
        state = GoalState.example(1).write(self.directory / "state.json")
        return run(self.namespace.command([program("alkaid-goalstate"), "push", state, "--agent", f"127.0.0.1:{PORT}",
                                           *options]), check=False, timeout=timeout).returncode

    def push_in_the_end(self, *options: str | Path) -> float:
        """An honest client is served, however slow the machine is; how many seconds it took."""
        began = time.monotonic()
        wait_until(lambda: self.push(*options, "--timeout", "60", timeout=90) == 0, "an honest client is served",
                   timeout=240)
        return time.monotonic() - began

    @contextlib.contextmanager
    def attacked(self, kind: str, count: int, *, source: str = "127.0.0.2", tls: bool = False) -> Iterator[int]:
        """Hostile clients (tools/hostile_clients.py) hold on meanwhile; gives how many were let in."""
        attack = subprocess.Popen(
            self.namespace.command([PYTHON, TOOLS / "hostile_clients.py", kind, str(count), source, str(PORT),
                                    *(["tls"] if tls else [])]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert attack.stdin is not None and attack.stdout is not None
        try:
            said = attack.stdout.readline().split()
            assert said and said[0] == "holding", "the attack failed"
            yield int(said[1])
        finally:
            attack.stdin.close()
            try:
                attack.wait(30)
            except subprocess.TimeoutExpired:
                attack.kill()
                attack.wait()

    def resident_megabytes(self) -> float:
        """The agent's memory."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise LabError("the agent has ended")

    def descriptors(self) -> int:
        """How many files it has open."""
        assert self.process is not None
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def close(self) -> None:
        """Leaves nothing behind."""
        self.namespace.stop_processes()
        self.namespace.delete()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture
def agent() -> Iterator[LoneAgent]:
    """Not started yet."""
    made = LoneAgent()
    try:
        yield made
    except LabError:
        if made.process is not None:
            print(made.process.log_tail())
        raise
    finally:
        made.close()


def test_mutual_tls(agent: LoneAgent) -> None:
    """Only clients with a certificate are admitted; replaced certificates need no restart."""
    servers, clients = Authority(agent.directory, "servers"), Authority(agent.directory, "clients")
    certificate, key = servers.issue("agent")
    process = agent.start("--tls-certificate", certificate, "--tls-key", key, "--tls-client-ca", clients.certificate)
    client_certificate, client_key = clients.issue("controller")
    identity = ["--tls-certificate", client_certificate, "--tls-key", client_key]
    assert agent.push("--tls-ca", servers.certificate, *identity) == 0
    assert agent.push("--tls-ca", servers.certificate, "--timeout", "1") != 0
    assert agent.push("--timeout", "1") != 0

    later = Authority(agent.directory, "later")
    later.issue("agent")
    wait_until(lambda: agent.push("--tls-ca", later.certificate, *identity, "--timeout", "2") == 0,
               "the new certificate is used", timeout=30)
    assert agent.push("--tls-ca", servers.certificate, *identity, "--timeout", "1") != 0
    process.require_running()


def test_only_the_address_that_was_named(agent: LoneAgent) -> None:
    """--listen-address 127.0.0.1: nobody listens on the host's other addresses."""
    agent.start("--plaintext")
    assert agent.push() == 0
    other = f"socket.create_connection(('127.0.0.2', {PORT}), timeout=5)"
    refused = run(agent.namespace.command([PYTHON, "-c", f"import socket; {other}"]), check=False)
    assert "ConnectionRefusedError" in refused.stderr
    run(agent.namespace.command([PYTHON, "-c", f"import socket; {other.replace('127.0.0.2', '127.0.0.1')}"]))


@pytest.mark.parametrize(("kind", "count", "tls"), [
    ("garbage", 200, False), ("silent", 1000, False), ("idle", 1000, False), ("trickle", 100, False), ("half", 4, False),
    ("garbage", 200, True), ("silent", 1000, True), ("trickle", 100, True)])
def test_hostile_clients(agent: LoneAgent, kind: str, count: int, tls: bool) -> None:
    """An honest client is served meanwhile about as fast, memory stays bounded, and nothing stays behind."""
    protection: list[str | Path] = ["--plaintext"]
    identity: list[str | Path] = []
    if tls:
        servers = Authority(agent.directory, "servers")
        certificate, key = servers.issue("agent")
        protection = ["--tls-certificate", certificate, "--tls-key", key]
        identity = ["--tls-ca", servers.certificate]
    process = agent.start(*protection, "--max-message", "4")
    unattacked = agent.push_in_the_end(*identity)
    descriptors = agent.descriptors()
    with agent.attacked(kind, count, tls=tls) as admitted:
        assert admitted >= count * 0.9
        attacked = agent.push_in_the_end(*identity)
        assert attacked <= 10 * unattacked + 5, f"{attacked:.2f} s instead of {unattacked:.2f} s"
        # The limit for what was received and not decoded yet is 64 MiB.
        assert agent.resident_megabytes() < 400
    wait_until(lambda: agent.descriptors() <= descriptors + 2, "the connections are closed", timeout=240)
    assert agent.push(*identity) == 0
    process.require_running()


def test_ten_thousand_connections(agent: LoneAgent) -> None:
    """An honest client is served beside them, and nothing stays behind."""
    process = agent.start("--plaintext")
    assert agent.push() == 0
    descriptors = agent.descriptors()
    with agent.attacked("idle", 10000) as connected:
        assert connected == 10000
        wait_until(lambda: agent.descriptors() > 10000, "all are taken", timeout=240)
        agent.push_in_the_end()
        assert agent.resident_megabytes() < 2000
    wait_until(lambda: agent.descriptors() <= descriptors + 2, "the connections are closed", timeout=240)
    process.require_running()


def test_no_descriptors_are_left(agent: LoneAgent) -> None:
    """More connections than the process may have files: other addresses are served, and all are again afterwards."""
    process = agent.start("--plaintext", files=256)
    with agent.attacked("idle", 1000):
        wait_until(lambda: "connections are refused" in process.log, "the agent refuses some", timeout=60)
        agent.push_in_the_end()
    wait_until(lambda: agent.push("--timeout", "20", timeout=60) == 0, "everybody is served again", timeout=240)
    process.require_running()


def test_files_run_out(agent: LoneAgent) -> None:
    """Fewer files than the agent was told it has: it refuses connections, and serves again when there are some."""
    process = agent.start("--plaintext")
    run(["prlimit", f"--pid={process.pid}", f"--nofile={agent.descriptors() + 20}"])
    with agent.attacked("idle", 100):
        wait_until(lambda: "no file descriptors are left" in process.log, "the agent refuses some", timeout=60)
    wait_until(lambda: agent.push("--timeout", "20", timeout=60) == 0, "everybody is served again", timeout=240)
    process.require_running()
