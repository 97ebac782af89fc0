"""The channel on which goal states come: who is admitted, and what hostile clients achieve."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import GoalState, LabError, Namespace, wait_until
from lab.certificates import Authority
from lab.console import Console
from lab.namespace import new_lab_name
from lab.process import Process
from lab.programs import program
from lab.shell import run

PORT = 50001


class LoneAgent:
    """An agent without a data plane in a namespace of its own."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="alkaid-channel-"))
        self.namespace = Namespace(new_lab_name(), "agent")
        self.console = Console(self.directory)
        self.process: Process | None = None

    def start(self, *options: str | Path) -> Process:
        """Starts it and waits until it serves."""
        self.process = Process("the agent", self.namespace,
                               [program("alkaid-agent"), "--run-dir", self.directory, "--listen-address", "127.0.0.1",
                                "--port", str(PORT), *options], self.directory / "agent.log")
        self.process.wait_for_log("ready")
        return self.process

    def push(self, *options: str | Path, timeout: float = 20) -> int:
        """Pushes an example; returns the client's exit code: 0 if it was taken."""
        state = GoalState.example(1).write(self.directory / "state.json")
        return run(self.namespace.command([program("alkaid-goalstate"), "push", state, "--agent", f"127.0.0.1:{PORT}",
                                           *options]), check=False, timeout=timeout).returncode

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
