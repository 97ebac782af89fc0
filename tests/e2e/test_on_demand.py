"""Neighbors on demand: packets wait while a Network Config Manager is asked, whatever kind of manager it is.

The manager is a fake (lab/tools/fake_ncm.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import GoalState, Lab, LabError, wait_until
from lab.certificates import Authority
from lab.fake_ncm import ADDRESS, FakeNcm
from lab.programs import program
from lab.shell import run
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

GREEN_2, RED_2 = "10.1.0.12", "10.2.0.12"
NEIGHBORS = {GREEN_2: {"subnet": "green", "mac": "02:00:00:00:01:12", "host": "10.0.0.2"},
             RED_2: {"subnet": "red", "mac": "02:00:00:00:02:12", "host": "10.0.0.2"}}
# One for each manager that does not deliver, as the agent remembers such addresses for a while.
UNDELIVERED = {"never_push": "10.2.0.21", "cancel": "10.2.0.22", "refuse": "10.2.0.23"}
NEIGHBORS |= {address: {"subnet": "red", "mac": f"02:00:00:00:02:{address[-2:]}", "host": "10.0.0.2"}
              for address in UNDELIVERED.values()}
# Neighbors that nobody uses are forgotten soon, so that every test begins without them.
IDLE_SECONDS = 2


def without_neighbors() -> GoalState:
    """The example of host 1, but for its neighbors."""
    goal_state = GoalState.example(1)
    goal_state.content["neighbor_states"] = {}
    for host in goal_state.content["host_resources"].values():
        host["resources"] = [resource for resource in host["resources"] if resource["type"] != "NEIGHBOR"]
    return goal_state


class Scene:
    """Host 1 knows none of its neighbors; host 2 knows everybody."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.host = lab.hosts[1]
        self.ncm = FakeNcm(self.host, NEIGHBORS)
        lab.hosts[1].start_dataplane()
        lab.hosts[2].start_dataplane()
        lab.hosts[1].start_agent("--ncm", ADDRESS, "--on-demand-idle", str(IDLE_SECONDS))
        lab.hosts[2].start_agent()
        for host, goal_state in ((lab.hosts[1], without_neighbors()), (lab.hosts[2], GoalState.example(2))):
            host.push(goal_state)
            for port in goal_state.states("port"):
                host.wait_for_port(port)
        for guest in lab.guests.values():
            guest.lease()
        self.green, self.red = lab.guests["green-1"], lab.guests["red-1"]

    def fate(self, source: str, destination: str, port: str = "green-1") -> str:
        """What would become of a packet."""
        # Of a station in the guest's own subnet only its guest knows the MAC.
        same_subnet = source.rpartition(".")[0] == destination.rpartition(".")[0]
        mac = ["destination-mac", NEIGHBORS[destination]["mac"]] if same_subnet else []
        try:
            answer = self.host.console.json("explain", port, "out", "udp", f"{source}:1", f"{destination}:2", *mac)
        except LabError:
            return "dropped"  # the console's exit code says so too
        return str(answer["verdict"]["outcome"])

    def wait_until_forgotten(self) -> None:
        """Nobody of host 2 is known any more."""
        wait_until(lambda: self.fate("10.1.0.11", GREEN_2) == self.fate("10.1.0.11", RED_2) == "waits",
                   "what was learnt is forgotten", timeout=40)

    def start(self, behavior: str, delay: float = 0) -> FakeNcm:
        """Begins a test with a manager of this kind."""
        self.ncm.start(behavior, delay)
        self.wait_until_forgotten()
        for guest in (self.green, self.red):
            guest.run(["ip", "neigh", "flush", "dev", "eth0"])
        return self.ncm


@pytest.fixture(scope="module", name="scene")
def made_scene() -> Iterator[Scene]:
    """Shared by the tests of the module."""
    from lab import two_hosts  # pylint: disable=import-outside-toplevel

    with two_hosts(start=False) as lab:
        yield Scene(lab)


@pytest.mark.parametrize("behavior", ["push_first", "reply_first"])
def test_first_packets_arrive(scene: Scene, behavior: str) -> None:
    """The state comes before the manager's answer, or after it: nothing is lost, and it is asked once."""
    ncm = scene.start(behavior, delay=0.05)
    assert scene.green.ping(GREEN_2).received == 3
    assert scene.green.ping(RED_2).received == 3
    assert ncm.asked_for(GREEN_2) == 1
    assert ncm.asked_for(RED_2) == 1
    question = next(question for call in ncm.calls() for question in call if question["destination"] == RED_2)
    assert question == {"type": "ON_DEMAND", "destination": RED_2, "source": "10.1.0.11", "tunnel": 1001}


def test_learnt_neighbors_are_forgotten_when_idle(scene: Scene) -> None:
    """They stay for as long as they are used, go when they are not, and come back."""
    ncm = scene.start("push_first")
    assert scene.green.ping(GREEN_2, count=10 * (IDLE_SECONDS + 2)).received == 10 * (IDLE_SECONDS + 2)
    assert ncm.asked_for(GREEN_2) == 1
    scene.wait_until_forgotten()
    assert scene.green.ping(GREEN_2).received == 3
    assert ncm.asked_for(GREEN_2) == 2


@pytest.mark.parametrize("behavior", sorted(UNDELIVERED))
def test_a_manager_that_does_not_deliver(scene: Scene, behavior: str) -> None:
    """Packets are dropped in the end, the manager is asked few times, and the rest works."""
    ncm = scene.start(behavior)
    address = UNDELIVERED[behavior]
    for _ in range(4):
        assert scene.green.ping(address, count=5).received == 0
    assert 1 <= ncm.asked_for(address) <= 8
    assert scene.green.ping("10.2.0.11").received == 3  # of this host
    scene.host.console.agent()


def test_a_manager_that_is_down_for_a_while(scene: Scene) -> None:
    """Nothing hangs, and the first packet after it has come back gets through."""
    scene.start("push_first")
    scene.ncm.stop()
    assert scene.green.ping(RED_2).received == 0
    assert scene.green.ping("10.2.0.11").received == 3
    scene.ncm.start("push_first")
    assert scene.green.reaches(RED_2, timeout=20)


def test_a_deleted_port_takes_along_what_was_learnt_for_it(scene: Scene) -> None:
    """Long before it would have been idle for long enough."""
    scene.start("push_first")
    scene.host.agent.stop()
    scene.host.start_agent("--ncm", ADDRESS, "--on-demand-idle", "3600")
    scene.host.push(without_neighbors())
    assert scene.green.reaches(GREEN_2, timeout=20)
    assert scene.fate("10.1.0.11", GREEN_2) == "forwarded"
    deletion = without_neighbors()
    deletion.states("port")["green-1"]["operation_type"] = "DELETE"
    scene.host.push(deletion)
    try:
        wait_until(lambda: scene.fate("10.2.0.11", GREEN_2, "red-1") == "waits", "its neighbor is forgotten", timeout=20)
    finally:
        scene.host.agent.stop()
        scene.host.start_agent("--ncm", ADDRESS, "--on-demand-idle", str(IDLE_SECONDS))
        scene.host.push(without_neighbors())
        scene.host.wait_for_port("green-1")


def test_the_manager_is_told_that_the_agent_has_started(scene: Scene) -> None:
    """Also if it is not there at that time."""
    ncm = scene.start("push_first")
    ncm.stop()
    scene.host.agent.stop()
    scene.host.start_agent("--ncm", ADDRESS, "--on-demand-idle", str(IDLE_SECONDS))
    ncm.start("push_first")
    wait_until(lambda: ncm.told_of_restarts() == ["10.0.0.1"], "the manager is told", timeout=60)


def test_a_manager_over_mutual_tls(scene: Scene) -> None:
    """Only one whose certificate is good is asked, by an agent that shows its own; replaced ones need no restart."""
    directory = scene.host.run_directory
    managers, agents, strangers = (Authority(directory, name) for name in ("managers", "agents", "strangers"))
    manager, agent = managers.issue("manager"), agents.issue("host-1")
    trusted = directory / "trusted.pem"
    shutil.copy(strangers.certificate, trusted)
    files = {"certificate": manager[0], "key": manager[1], "clients": agents.certificate}
    scene.start("push_first")
    scene.ncm.start("push_first", tls=files)
    scene.host.agent.stop()
    scene.host.start_agent("--ncm", ADDRESS, "--on-demand-idle", "3600", "--ncm-tls-ca", str(trusted),
                           "--ncm-tls-certificate", str(agent[0]), "--ncm-tls-key", str(agent[1]))
    log = scene.host.log_path("agent")
    try:
        scene.host.wait_for_port("green-1")
        # Its certificate is a stranger's.
        assert scene.green.ping(GREEN_2).received == 0
        assert scene.ncm.calls() == []
        wait_until(lambda: scene.host.console.events("ncm_unreachable"), "the manager is refused", timeout=20)
        event = scene.host.console.events("ncm_unreachable")[-1]
        for part in ("certificate verify failed", "--ncm-tls-ca"):
            assert part in event["message"]
        # The right authority's takes the place of the wrong one.
        shutil.copy(managers.certificate, f"{trusted}.new")
        Path(f"{trusted}.new").rename(trusted)
        assert scene.green.reaches(GREEN_2, timeout=40)
        wait_until(lambda: scene.host.console.events("ncm_answers"), "the manager is asked again", timeout=20)
        # Another name, signed by the right authority.
        scene.ncm.stop()
        managers.issue("manager", address="127.0.0.9")
        scene.ncm.start("push_first", tls=files)
        assert scene.green.ping(RED_2).received == 0
        assert scene.ncm.calls() == []
        # A certificate of ours that the manager doesn't know.
        scene.ncm.stop()
        managers.issue("manager")
        scene.ncm.start("push_first", tls=files | {"clients": strangers.certificate})
        assert scene.green.ping(RED_2).received == 0
        assert scene.ncm.calls() == []
        assert "over TLS" in log.read_text()
        # In plaintext it isn't asked either.
        scene.ncm.start("push_first")
        assert scene.green.ping(RED_2).received == 0
        assert scene.ncm.calls() == []
        scene.ncm.start("push_first", tls=files)
        assert scene.green.reaches(RED_2, timeout=40)
    finally:
        scene.host.agent.stop()
        scene.host.start_agent("--ncm", ADDRESS, "--on-demand-idle", str(IDLE_SECONDS))
        scene.host.wait_for_port("green-1")


def test_a_manager_in_plaintext_must_be_asked_for(scene: Scene) -> None:
    """An agent that takes goal states over TLS doesn't ask a manager without it unless it is told to."""
    certificate, key = Authority(scene.host.run_directory, "servers").issue("agent")
    command = [program("alkaid-agent"), "--run-dir", scene.host.run_directory / "other", "--no-state", "--ncm", ADDRESS,
               "--tls-certificate", certificate, "--tls-key", key]
    refused = run(scene.host.namespace.command(command), check=False)
    assert refused.returncode == 2
    assert "--ncm-plaintext" in refused.stderr
    # A file that isn't there ends it, too.
    missing = run(scene.host.namespace.command([*command, "--port", "50091", "--ncm-tls-ca", "/nowhere.pem"]), check=False)
    assert missing.returncode == 1
    assert "/nowhere.pem" in missing.stderr


def test_a_scanning_guest_harms_nobody(scene: Scene) -> None:
    """It looks for thousands of stations; another tenant's first packet gets through all the same."""
    ncm = scene.start("push_first")
    frames = [bytes(Ether(src=scene.green.mac, dst="02:00:00:00:01:01") /
                    IP(src="10.1.0.11", dst=f"10.2.{number // 250}.{number % 250}") / UDP(sport=1, dport=2))
              for number in range(3000)]
    scene.green.send_frames(frames)
    assert scene.red.ping(GREEN_2).received == 3
    assert ncm.asked_for(GREEN_2) >= 1
    assert scene.host.agent.running and scene.host.dataplane.running
