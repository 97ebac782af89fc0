"""Starting and stopping: nothing stays behind, and nobody gets in another's way."""

from __future__ import annotations

import signal
import stat
from pathlib import Path

import pytest
from lab import GoalState, Lab, wait_until
from lab.process import Process
from lab.programs import program


def sockets(directory: Path) -> list[str]:
    """Names of the sockets in a run directory."""
    return sorted(path.name for path in directory.iterdir() if path.is_socket())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_clean_shutdown(unplugged_lab: Lab, number: signal.Signals) -> None:
    """Both processes end with code 0 and take their sockets with them."""
    lab = unplugged_lab
    host = lab.hosts[1]
    lab.plug(host, lab.guests["green-1"])
    host.start_dataplane()
    host.start_agent()
    host.push(GoalState.example(1))
    host.wait_for_port("green-1")
    assert sockets(host.run_directory) == ["agent.sock", "dataplane.sock"]
    for name in sockets(host.run_directory):
        assert stat.S_IMODE((host.run_directory / name).stat().st_mode) == 0o600, f"{name} is the owner's alone"
    for process in (host.agent, host.dataplane):
        process.signal(number)
        assert process.wait(10) == 0, process.log_tail()
    assert sockets(host.run_directory) == []


def test_data_plane_ends_first(unplugged_lab: Lab) -> None:
    """The agent survives its data plane, says so, and connects to the next one."""
    host = unplugged_lab.hosts[1]
    host.start_dataplane()
    host.start_agent()
    host.push(GoalState.example(1))
    host.dataplane.stop()
    wait_until(lambda: not host.console.agent()["dataplane_connected"], "the agent notices")
    host.start_dataplane()
    wait_until(lambda: host.console.agent()["dataplane_connected"], "the agent is connected again")
    wait_until(lambda: set(host.console.guest_ports()) == {"green-1", "red-1"}, "the ports are programmed again")


@pytest.mark.parametrize("name", ["alkaid-dataplane", "alkaid-agent"])
def test_one_process_of_a_kind(unplugged_lab: Lab, name: str) -> None:
    """A second one of the same instance is refused and leaves the first alone."""
    host = unplugged_lab.hosts[1]
    host.start_dataplane()
    host.start_agent()
    first = host.dataplane if name == "alkaid-dataplane" else host.agent
    arguments = {
        "alkaid-dataplane": ["--uplink", "af_packet:up0", "--vtep", "10.0.0.1/24", "--no-huge", "--memory", "256"],
        "alkaid-agent": ["--port", "50009", "--plaintext"],
    }[name]
    second = Process(f"second {name}", host.namespace,
                     [program(name), "--run-dir", host.run_directory, *arguments], host.log_path("second"))
    assert second.wait(10) != 0
    assert str(first.pid) in second.log, second.log
    host.console.json("show", "version")
    first.require_running()


@pytest.mark.parametrize(("arguments", "named"), [
    (["--vtep", "10.0.0.300/24"], "--vtep"),
    (["--uplink", "nonsense:up0"], "nonsense"),
    (["--underlay-neighbor", "10.0.0.9=zz"], "--underlay-neighbor"),
])
def test_wrong_options(unplugged_lab: Lab, arguments: list[str], named: str) -> None:
    """A wrong option is named; the data plane does not start half."""
    host = unplugged_lab.hosts[1]
    options = {"--uplink": "af_packet:up0", "--vtep": "10.0.0.1/24"}
    options.update(dict([arguments]))  # type: ignore[list-item]
    words = [word for pair in options.items() for word in pair]
    process = Process("data plane with a wrong option", host.namespace,
                      [program("alkaid-dataplane"), "--run-dir", host.run_directory, "--no-huge", "--memory", "256",
                       *words], host.log_path("wrong"))
    assert process.wait(20) not in (0, -signal.SIGSEGV, -signal.SIGABRT)
    assert named in process.log, process.log
    assert sockets(host.run_directory) == []


def test_uplink_comes_later(unplugged_lab: Lab) -> None:
    """The data plane starts before its uplink's device exists and uses it when it does."""
    lab = unplugged_lab
    host = lab.hosts[1]
    host.namespace.run(["ip", "link", "set", "up0", "down"])
    host.namespace.run(["ip", "link", "set", "up0", "name", "later0"])
    host.start_dataplane()
    assert host.console.uplink()["state"] == "waiting"
    host.namespace.run(["ip", "link", "set", "later0", "name", "up0"])
    host.namespace.run(["ip", "link", "set", "up0", "up"])
    wait_until(lambda: host.console.uplink()["state"] == "up", "the uplink is attached")
