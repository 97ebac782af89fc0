"""Neighbors on demand: packets wait while a Network Config Manager is asked, whatever kind of manager it is.

The manager is a fake (lab/tools/fake_ncm.py).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import GoalState, Lab, LabError, wait_until
from lab.certificates import Authority
from lab.fake_ncm import ADDRESS, FakeNcm
from lab.process import Process
from lab.programs import PYTHON, TOOLS, program
from lab.shell import run
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

GREEN_2, RED_2 = "10.1.0.12", "10.2.0.12"
NEIGHBORS = {GREEN_2: {"subnet": "green", "mac": "02:00:00:00:01:12", "host": "10.0.0.2"},
             RED_2: {"subnet": "red", "mac": "02:00:00:00:02:12", "host": "10.0.0.2"}}
# One for each manager that does not deliver, as the agent remembers such addresses for a while.
UNDELIVERED = {"never_push": "10.2.0.21", "cancel": "10.2.0.22", "refuse": "10.2.0.23"}
UNANSWERED = "10.2.0.24"
# Stations of another tenant, and how many others a guest looks for meanwhile.
OTHERS = [f"10.3.0.{number}" for number in range(30, 50)]
SCANNED = 30000
NEIGHBORS |= {address: {"subnet": "red", "mac": f"02:00:00:00:02:{address[-2:]}", "host": "10.0.0.2"}
              for address in (*UNDELIVERED.values(), UNANSWERED)}
NEIGHBORS |= {address: {"subnet": "blue", "mac": "02:00:00:00:03:12", "host": "10.0.0.2"} for address in OTHERS}
# Neighbors that nobody uses are forgotten soon, so that every test begins without them.
IDLE_SECONDS = 2


def without_neighbors() -> GoalState:
    """The example of host 1, but for its neighbors."""
    goal_state = GoalState.example(1)
    goal_state.content["neighbor_states"] = {}
    for host in goal_state.content["host_resources"].values():
        host["resources"] = [resource for resource in host["resources"] if resource["type"] != "NEIGHBOR"]
    return goal_state


def only_neighbor(key: str, operation: str = "CREATE") -> GoalState:
    """One neighbor of the example of host 1."""
    example = GoalState.example(1)
    goal_state = GoalState({"host_resources": {host: {"resources": []} for host in example.content["host_resources"]}})
    goal_state.add("neighbor", key, example.configuration("neighbor", key), operation)
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

    def start(self, behavior: str, delay: float = 0, hangs: list[str] | None = None) -> FakeNcm:
        """Begins a test with a manager of this kind."""
        self.ncm.start(behavior, delay, hangs=hangs)
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


def test_a_restarted_agent_forgets_what_was_learnt_before(scene: Scene) -> None:
    """They are not taken for pushed ones."""
    scene.start("push_first")
    # For long enough that the agent has heard that its neighbor was found, and the disk has that.
    assert scene.green.ping(GREEN_2, count=30).received == 30
    scene.host.agent.kill()
    scene.host.start_agent("--ncm", ADDRESS, "--on-demand-idle", str(IDLE_SECONDS))
    wait_until(lambda: scene.host.console.agent()["dataplane_connected"], "the agent is connected", timeout=20)
    assert scene.fate("10.1.0.11", GREEN_2) == "forwarded"
    scene.wait_until_forgotten()


def test_what_is_pushed_as_well_is_not_forgotten(scene: Scene) -> None:
    """Whoever pushes a neighbor deletes it, even if it was there because somebody had asked for it."""
    scene.start("push_first")
    assert scene.green.ping(RED_2).received == 3
    # Within seconds it might be another answer of the manager's.
    assert scene.green.ping(GREEN_2, count=90).received == 90
    scene.host.push(only_neighbor("L2/green-2"))
    # Everybody who is not used is forgotten by then.
    time.sleep(2 * IDLE_SECONDS)
    assert scene.fate("10.1.0.11", RED_2) == "waits"
    assert scene.fate("10.1.0.11", GREEN_2) == "forwarded"
    scene.host.push(only_neighbor("L2/green-2", "DELETE"))
    scene.wait_until_forgotten()


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


def test_a_manager_that_takes_questions_and_never_answers(scene: Scene) -> None:
    """Packets wait for 2 s, the call is given up after 5 s, and other questions don't wait for it."""
    ncm = scene.start("hang", hangs=[UNANSWERED])
    assert scene.green.reaches(GREEN_2, timeout=20)  # one that failed before is asked one question at a time
    before = scene.host.console.drops("green-1")["neighbor_unknown"]
    sent = time.monotonic()
    scene.green.start(["ping", "-c", "1", "-W", "1", UNANSWERED], "ping")
    wait_until(lambda: ncm.asked_for(UNANSWERED) == 1, "it is asked")
    asked = time.monotonic()
    other = scene.green.start(["ping", "-c", "1", "-W", "4", RED_2], "other-ping")
    wait_until(lambda: scene.host.console.drops("green-1")["neighbor_unknown"] > before, "the packet is dropped",
               timeout=20)
    assert time.monotonic() - sent >= 2
    assert time.monotonic() - asked < 4.5, "it didn't wait for the call's end"
    assert other.wait(20) == 0, other.log
    # The same address once more, when the manager has come to its senses.
    ncm.start("push_first")
    wait_until(lambda: scene.green.ping(UNANSWERED, count=1) and scene.fate("10.1.0.11", UNANSWERED) == "forwarded",
               "it is known", timeout=20)


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
    scene.host.start_agent("--ncm", ADDRESS, "--on-demand-idle", str(IDLE_SECONDS), "--ncm-tls-ca", str(trusted),
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
        scene.wait_until_forgotten()  # another answer to the agent before this one would count as pushed
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


def other_tenant(host: int) -> GoalState:
    """The example's red part as another tenant's: blue, in a VPC of its own. Of the neighbors host 2 knows them all."""
    text = json.dumps(GoalState.example(host).content)
    for old, new in (("demo", "other"), ("red", "blue"), ("1002", "1003"), ("10.2.0.", "10.3.0."),
                     ("02:00:00:00:02:", "02:00:00:00:03:"), ("fd00:10:2:", "fd00:10:3:")):
        text = text.replace(old, new)
    goal_state = GoalState(json.loads(text))
    for kind in ("vpc", "subnet", "port", "dhcp", "neighbor", "router"):
        states = goal_state.states(kind)
        for key in [key for key in states if "green" in key or (kind == "neighbor" and host == 1)]:
            del states[key]
    tables = goal_state.configuration("router", "other-router")["subnet_routing_tables"]
    tables[:] = [table for table in tables if "green" not in table["subnet_id"]]
    for resources in goal_state.content["host_resources"].values():
        resources["resources"] = [each for each in resources["resources"]
                                  if each["id"] in goal_state.states(each["type"].lower())]
    if host == 2:
        goal_state.configuration("port", "blue-2")["fixed_ips"] += [
            {"subnet_id": "blue", "ip_address": address} for address in OTHERS]
    return goal_state


def resident_megabytes(process: Process) -> float:
    """Its memory."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def test_a_scanning_guest_harms_nobody(scene: Scene) -> None:
    """It looks for 30,000 stations of its subnet. What that costs is bounded, and another tenant's first packets get through."""
    lab = scene.lab
    scanned = without_neighbors()
    scanned.configuration("subnet", "green")["cidr"] = "10.1.0.0/16"
    scene.host.push(scanned)
    blue = {number: lab.add_guest(lab.hosts[number], f"blue-{number}", f"02:00:00:00:03:1{number}", f"10.3.0.1{number}")
            for number in (1, 2)}
    for number, guest in blue.items():
        lab.hosts[number].push(other_tenant(number))
        lab.hosts[number].wait_for_port(guest.port)
        guest.lease()
    for address in OTHERS:
        blue[2].run(["ip", "address", "add", f"{address}/24", "dev", "eth0"])
    ncm = scene.start("push_first", delay=0.02)
    processes = (scene.host.agent, scene.host.dataplane)
    before = scene.host.console.drops("red-1")
    memory = [resident_megabytes(process) for process in processes]

    def frame(number: int) -> bytes:
        # Of each thousand 100 go to the same station.
        station = number if number % 1000 > 100 else number // 1000 * 1000
        return bytes(Ether(src=scene.red.mac, dst="02:00:00:00:02:01") /
                     IP(src="10.2.0.11", dst=f"10.1.{1 + station // 250}.{1 + station % 250}") / UDP(sport=1, dport=2))

    frames = lab.directory / "scan"
    frames.write_text("".join(frame(number).hex() + "\n" for number in range(SCANNED)))
    began = time.monotonic()
    scan = scene.red.start([PYTHON, TOOLS / "send_frames.py", "eth0", frames, "0.0002"], "scan")
    lost: list[str] = []
    times: list[float] = []
    while scan.running:
        if len(times) == len(OTHERS):
            time.sleep(0.2)
            continue
        answer = blue[1].ping(OTHERS[len(times)], count=1)
        took = re.search(r"time=([0-9.]+) ms", answer.output)
        if took is None:
            lost.append(answer.output)
        times.append(float(took[1]) if took else 0)
    seconds = time.monotonic() - began
    print(f"{SCANNED} stations in {seconds:.1f} s; the other tenant's first packets: {sorted(times)} ms")
    assert len(times) >= 5 and not lost
    assert max(times) < 1000
    drops = scene.host.console.drops("red-1") - before
    assert drops["awaited_rate_limited"] > 0, drops
    assert drops["awaited_too_many"] > 0, drops
    asked = len({question["destination"] for call in ncm.calls() for question in call
                 if question["destination"].startswith("10.1.")})
    assert 1000 < asked < 10240 + 1000 * (seconds + 2)
    for process, megabytes in zip(processes, memory, strict=True):
        assert resident_megabytes(process) < megabytes + 150, process
    assert scene.host.agent.running and scene.host.dataplane.running
