"""Under a service manager: what it is told, and the units."""

from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path

import pytest
from lab import Host, Lab, LabError, wait_until
from lab.process import Process
from lab.programs import build_directory, program, unit
from lab.shell import run

PROGRAMS = ["alkaid-agent", "alkaid-dataplane"]
# Of 0 (safe) to 100 as systemd-analyze security rates units.
MOST_EXPOSURE = {"alkaid-agent": 25, "alkaid-dataplane": 50}


class Notifications:
    """The socket of a service manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.2)
        self._text = ""

    def has(self, assignment: str) -> bool:
        """Whether this was sent."""
        try:
            while True:
                self._text += self._socket.recv(4096).decode() + "\n"
        except TimeoutError:
            return assignment in self._text.splitlines()

    def forget(self) -> None:
        """What comes from now on counts."""
        self._text = ""


def under_service_manager(host: Host, name: str, *arguments: str) -> tuple[Process, Notifications]:
    """A process as systemd would start it, with a watchdog of two seconds."""
    notifications = Notifications(host.run_directory / f"notify-{name}")
    process = Process(name, host.namespace, [
        "env", f"NOTIFY_SOCKET={notifications.path}", "WATCHDOG_USEC=2000000", program(name), "--run-dir",
        host.run_directory, *arguments], host.log_path(name))
    wait_until(lambda: notifications.has("READY=1"), f"{name} is ready", timeout=60)
    return process, notifications


def test_service_manager_is_told(unplugged_lab: Lab) -> None:
    """Ready, how it is, alive as long as it is, stopping."""
    host = unplugged_lab.hosts[1]
    agent, of_agent = under_service_manager(host, "alkaid-agent", "--plaintext", "--state-dir",
                                            str(host.run_directory / "state"))
    dataplane, of_dataplane = under_service_manager(host, "alkaid-dataplane", "--uplink", "af_packet:up0", "--vtep",
                                                    "10.0.0.1/24", "--no-huge", "--memory", "256")
    wait_until(lambda: of_agent.has("STATUS=data plane in sync"), "the data plane is in sync", timeout=60)
    for notifications in (of_agent, of_dataplane):
        for _ in range(2):
            notifications.forget()
            wait_until(lambda: notifications.has("WATCHDOG=1"), "it is alive", timeout=60)
    dataplane.stop(timeout=30)
    assert of_dataplane.has("STOPPING=1")
    wait_until(lambda: of_agent.has("STATUS=data plane not in sync"), "the data plane is gone", timeout=60)
    agent.stop(timeout=30)
    assert of_agent.has("STOPPING=1")


@pytest.mark.parametrize("name", PROGRAMS)
def test_units_are_installed(name: str) -> None:
    """Where systemd looks for them, with the path of what is installed beside them."""
    plan = json.loads(run(["meson", "introspect", build_directory(), "--install-plan"]).stdout)
    destinations = {Path(source).name: entry["destination"] for kind in plan.values() for source, entry in kind.items()}
    assert destinations[f"{name}.service"] == f"{{prefix}}/lib/systemd/system/{name}.service"
    assert re.search(f"^ExecStart=/.*/bin/{name} --config /etc/alkaid/", unit(name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", PROGRAMS)
def test_units_are_sound(tmp_path: Path, name: str) -> None:
    """systemd takes the unit, and finds it hardened."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / unit(name).name
    copy.write_text(re.sub("^ExecStart=/[a-z/-]+", f"ExecStart={program(name)}", unit(name).read_text(),
                           flags=re.MULTILINE))
    verified = run(["systemd-analyze", "verify", "--man=no", copy], check=False)
    assert verified.returncode == 0 and name not in verified.stderr, verified.stderr
    try:
        run(["systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSURE[name]}", copy])
    except LabError as error:
        pytest.fail(str(error))
