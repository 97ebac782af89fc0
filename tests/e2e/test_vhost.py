"""Real virtual machines, Linux under QEMU, as guests by vhost-user on two hosts.

On host 1 QEMU makes the socket and the data plane connects to it; on host 2 it is the other way round, the data plane has
two workers and the machine two processors, whose network card has a pair of rings for each. The last test moves green-1
to host 2, while green-3, a namespace on host 3, talks to it. Where QEMU or the machines' kernel can't be had the tests fail, unless ALKAID_NO_VM is set.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from lab import GoalState, Guest, Host, Lab, wait_until
from lab.guest_kernel import guest_kernel
from lab.machine import Machine
from lab.metrics import ADDRESS, scrape
from lab.programs import PYTHON, TOOLS

KINDS = {1: "vhost-user", 2: "vhost-user-server"}


@pytest.fixture(scope="module")
def vhost_lab() -> Iterator[Lab]:
    """Two hosts with their goal states; no machine is on yet."""
    if os.environ.get("ALKAID_NO_VM"):
        pytest.skip("ALKAID_NO_VM: no virtual machines here")
    guest_kernel()
    lab = Lab()
    try:
        for number, kind in KINDS.items():
            host = lab.add_host(number)
            host.start_dataplane(*(["--worker-cpus", str(min(os.sched_getaffinity(0)))] if number == 2 else []))
            host.start_agent("--port-attach", f"{kind}:{host.run_directory}/{{port_id}}.sock", "--metrics-listen", ADDRESS)
            host.push(GoalState.example(number))
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="module")
def machines(vhost_lab: Lab) -> Iterator[dict[int, Machine]]:
    """green-1 on host 1 and green-2 on host 2, booted, with the addresses that DHCP gave them."""
    made = {}
    for number, host in vhost_lab.hosts.items():
        port = f"green-{number}"
        waiting = host.wait_for_port(port, "waiting")
        assert f"{port}.sock" in waiting["detail"]
        made[number] = Machine(host, port, f"02:00:00:00:01:1{number}", f"10.1.0.1{number}",
                               host.run_directory / f"{port}.sock", is_server=KINDS[number] == "vhost-user",
                               queues=number)
        made[number].start()
    for number, machine in made.items():
        machine.wait_for_boot()
        up = vhost_lab.hosts[number].wait_for_port(machine.port, timeout=30)
        assert up["driver"] == "vhost-user"
        lease = machine.lease()
        assert (lease["ip"], lease["mtu"]) == (machine.address, "1450")
    yield made
    for machine in made.values():
        machine.stop()


def listen(receiver: Machine, port: int, then: str) -> None:
    """Takes one TCP connection and gives what comes to a command."""
    # A receiver whose input ended would end the connection.
    receiver.run(f"(tail -f /dev/null | nc -l -p {port} | {then}) > /dev/null 2>&1 &")
    receiver.run(f"while ! netstat -ltn | grep -q ':{port} '; do sleep 0.1; done")


def send_by_tcp(sender: Machine, receiver: Machine, port: int, *, address: str = "", patience: int = 6,
                lines: int = 400_000) -> bool:
    """Whether some megabytes, or as many lines as are said, come through as they were sent."""
    listen(receiver, port, f"md5sum > /tmp/sum-{port}")
    sent = sender.run(f"seq 1 {lines} > /tmp/data; nc -w {patience} {address or receiver.address} {port} < /tmp/data"
                      " > /dev/null && md5sum < /tmp/data", check=False)
    if len(sent.split()) != 2:
        receiver.run(f"killall nc; rm -f /tmp/sum-{port}", check=False)
        return False
    wait_until(lambda: receiver.run(f"cat /tmp/sum-{port}"), "all of it is there", timeout=60, interval=0.3)
    return receiver.run(f"cat /tmp/sum-{port}") == sent


class LargePackets:
    """In a "with" block: that a machine's driver has few large packets where the data plane counts many segments."""

    def __init__(self, host: Host, machine: Machine, direction: str, *, most: float) -> None:
        """direction: "sent" or "received" by the machine. most: packets for each segment."""
        # What the machine sends the data plane receives.
        self._of_port, self._of_driver = ("rx", "tx") if direction == "sent" else ("tx", "rx")
        self._host, self._machine, self._most = host, machine, most
        self._before = (0, 0)

    def _count(self) -> tuple[int, int]:
        return (int(self._host.console.ports()[self._machine.port][f"{self._of_port}_packets"]),
                int(self._machine.run(f"cat /sys/class/net/eth0/statistics/{self._of_driver}_packets")))

    def __enter__(self) -> None:
        self._before = self._count()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            segments, packets = (now - then for now, then in zip(self._count(), self._before))
            assert segments > 1500 and packets < segments * self._most, (self._machine.port, segments, packets)


def test_machines_reach_each_other(vhost_lab: Lab, machines: dict[int, Machine]) -> None:
    """Ping, the gateway, TCP both ways through VXLAN; no packet's checksum is wrong on the way."""
    first, second = machines[1], machines[2]
    assert first.ping(second.address, size=1422).received == 3
    assert second.ping("10.1.0.1").received == 3
    before = {number: host.console.ports()[f"green-{number}"] for number, host in vhost_lab.hosts.items()}
    # What left the sender large was cut, and segments from the wire were put together.
    with (LargePackets(vhost_lab.hosts[1], first, "sent", most=0.5),
          LargePackets(vhost_lab.hosts[2], second, "received", most=0.8)):
        assert send_by_tcp(first, second, 5001)
    with LargePackets(vhost_lab.hosts[2], second, "sent", most=0.5):
        assert send_by_tcp(second, first, 5002)
    for number, host in vhost_lab.hosts.items():
        after = host.console.ports()[f"green-{number}"]
        for counter in ("rx_bytes", "tx_bytes"):
            assert int(after[counter]) - int(before[number][counter]) > 2_000_000


def test_what_was_put_together_is_shown(vhost_lab: Lab, machines: dict[int, Machine]) -> None:
    """By the console, with what the machine's driver takes, and by the agent's metrics."""
    host = vhost_lab.hosts[2]
    assert send_by_tcp(machines[1], machines[2], 5005)
    shown = host.console.json("show", "vhost")
    guest = {guest["port"]: guest for guest in shown["guests"]}["green-2"]
    assert guest["connected"] and guest["rings_to_guest"] == guest["rings_from_guest"] == 2
    assert guest["takes"] == ["checksums", "large_ipv4", "large_ipv6", "chains"]
    assert guest["merged_segments"] - guest["merged_packets"] > 300
    assert shown["merged"] == {"segments": guest["merged_segments"], "packets": guest["merged_packets"]}
    metrics = scrape(host)
    for name in ("segments", "packets"):
        assert metrics[f"alkaid_port_merged_{name}_total", frozenset({("port", "green-2")})] >= shown["merged"][name]


def test_machines_have_ipv6(vhost_lab: Lab, machines: dict[int, Machine]) -> None:
    """Addresses by advertisement, ping, and TCP both ways that leaves the machines in large packets."""
    addresses = {number: f"fd00:10:1::ff:fe00:11{number}" for number in machines}
    for number, machine in machines.items():
        machine.enable_ipv6(addresses[number])
    assert machines[1].ping(addresses[2], size=1402).received == 3
    for sender, receiver in ((1, 2), (2, 1)):
        with LargePackets(vhost_lab.hosts[sender], machines[sender], "sent", most=0.5):
            assert send_by_tcp(machines[sender], machines[receiver], 5005 + sender, address=addresses[receiver])


def test_each_processor_has_a_queue(vhost_lab: Lab, machines: dict[int, Machine]) -> None:
    """The worker that polls the queue of a processor has its packets; both hear the answers."""
    host, machine = vhost_lab.hosts[2], machines[2]
    console = host.console
    assert sorted(console.ports()["green-2"]["workers"]) == [0, 1]
    for port in console.ports():
        console.text("set", "port", port, "worker", "0")
    console.text("set", "port", "green-2", "queue", "1", "worker", "1")
    assert console.ports()["green-2"]["workers"] == [0, 1]

    def packets() -> list[int]:
        return [worker["packets"] for worker in console.json("show", "worker")["workers"]]

    count = 10
    for processor in (0, 1):
        before = packets()
        sent = machine.run(f"taskset {1 << processor:x} ping -c {count} -i 0.2 -W 3 {machines[1].address}")
        assert f"{count} packets received" in sent
        grown = [now - then for now, then in zip(packets(), before)]
        assert (grown[1] >= count) == (processor == 1), (processor, grown)


def group_of(name: str, *rules: dict[str, Any]) -> GoalState:
    """A security group in place of the one of that name."""
    group = GoalState({})
    group.add("security_group", name, {
        "id": name, "name": name, "update_type": "FULL",
        "security_group_rules": [{"id": f"rule-{number}", **rule} for number, rule in enumerate(rules)]})
    return group


def port_in(name: str) -> GoalState:
    """green-2 in a security group."""
    goal_state = GoalState.example(2)
    goal_state.configuration("port", "green-2")["security_group_ids"] = [{"id": name}]
    return goal_state


PING_IN = {"direction": "INGRESS", "protocol": "ICMP", "port_range_min": 8}


def test_security_groups(vhost_lab: Lab, machines: dict[int, Machine]) -> None:
    """With a group that allows ping alone, TCP is dropped and counted; without the group it passes again."""
    host = vhost_lab.hosts[2]
    host.push_all([group_of("ping", PING_IN), port_in("ping")])
    assert machines[1].ping(machines[2].address).received == 3
    assert not send_by_tcp(machines[1], machines[2], 5003, patience=3, lines=1000)
    assert host.console.drops()["policy_ingress"] > 0
    host.push(GoalState.example(2))
    assert send_by_tcp(machines[1], machines[2], 5004, lines=1000)


def test_a_rule_that_goes_cuts_its_connection(vhost_lab: Lab, machines: dict[int, Machine]) -> None:
    """TCP that talks stands still without its rule and goes on when it is back; ping, which has its own, passes."""
    host = vhost_lab.hosts[2]
    tcp_in = {"direction": "INGRESS", "protocol": "TCP", "port_range_min": 5030, "port_range_max": 5030}
    host.push_all([group_of("talk", PING_IN, tcp_in), port_in("talk")])
    listen(machines[2], 5030, "cat > /tmp/talk")
    machines[1].run("(while [ ! -e /tmp/silence ]; do echo line; sleep 0.1; done"
                    f" | nc {machines[2].address} 5030) > /dev/null 2>&1 &")

    def heard() -> int:
        return int(machines[2].run("wc -c < /tmp/talk"))

    wait_until(lambda: heard() > 0, "it talks", timeout=20, interval=0.2)
    dropped = host.console.drops()["policy_ingress"]
    host.push(group_of("talk", PING_IN))
    wait_until(lambda: host.console.drops()["policy_ingress"] > dropped + 1, "what it says is dropped", timeout=20)
    before = heard()
    assert machines[1].ping(machines[2].address).received == 3
    assert heard() == before
    host.push(group_of("talk", PING_IN, tcp_in))
    wait_until(lambda: heard() > before, "it talks again", timeout=30, interval=0.2)
    machines[1].run("touch /tmp/silence")
    host.push(GoalState.example(2))


def test_an_egress_group(vhost_lab: Lab, machines: dict[int, Machine]) -> None:
    """What a machine may send: ping, and answers to whom it may hear; TCP of its own is dropped and counted."""
    host = vhost_lab.hosts[2]
    host.push_all([group_of("out", {"direction": "EGRESS", "protocol": "ICMP", "port_range_min": 8},
                            {"direction": "INGRESS", "protocol": "TCP"}), port_in("out")])
    dropped = host.console.drops()["policy_egress"]
    assert machines[2].ping(machines[1].address).received == 3
    assert not send_by_tcp(machines[2], machines[1], 5041, patience=3, lines=1000)
    assert host.console.drops()["policy_egress"] > dropped
    assert send_by_tcp(machines[1], machines[2], 5042, lines=1000)
    host.push(GoalState.example(2))


@pytest.mark.parametrize("number", [1, 2])
def test_machines_survive_the_data_plane(vhost_lab: Lab, machines: dict[int, Machine], number: int) -> None:
    """kill -9 and a new data plane: the machine goes on with its rings, and its address."""
    host = vhost_lab.hosts[number]
    assert host.dataplane is not None
    host.dataplane.kill()
    assert machines[number].ping(machines[3 - number].address, count=1).received == 0
    host.start_dataplane()
    host.wait_for_port(f"green-{number}", timeout=60)
    wait_until(lambda: machines[number].ping(machines[3 - number].address).received == 3,
               "the machine is back", timeout=60)
    assert send_by_tcp(machines[number], machines[3 - number], 5010 + number)


def test_a_machine_is_switched_off_and_on(vhost_lab: Lab, machines: dict[int, Machine]) -> None:
    """The port waits while the machine is off."""
    host, machine = vhost_lab.hosts[1], machines[1]
    machine.stop()
    waiting = host.wait_for_port("green-1", "waiting", timeout=30)
    assert "its guest left" in waiting["detail"]
    assert machines[2].ping(machine.address, count=1).received == 0
    machine.start()
    machine.wait_for_boot()
    host.wait_for_port("green-1", timeout=30)
    assert machine.lease()["ip"] == machine.address
    assert machines[2].ping(machine.address).received == 3


def neighbor(key: str, place: str) -> GoalState:
    """A message by which one of the green machines is on the host with the VTEP `place`."""
    message, number = GoalState({"format_version": 102}), key[-1]
    for kind in ("L2", "L3"):
        message.add("neighbor", f"{kind}/{key}", {
            "id": key, "vpc_id": "demo", "name": key, "mac_address": f"02:00:00:00:01:1{number}", "host_ip_address": place,
            "fixed_ips": [{"neighbor_type": kind, "subnet_id": "green", "ip_address": f"10.1.0.1{number}"}]})
    return message


@pytest.fixture(scope="module")
def third(vhost_lab: Lab, machines: dict[int, Machine]) -> Guest:  # pylint: disable=unused-argument
    """green-3, a namespace on host 3, of which the other hosts know."""
    host = vhost_lab.add_host(3)
    guest = vhost_lab.add_guest(host, "green-3", "02:00:00:00:01:13", "10.1.0.13")
    host.start_dataplane()
    host.start_agent()
    host.push(GoalState.example(2).with_hosts({
        "10.0.0.2": host.vtep, "green-2": "green-3", "red-2": "red-3", "02:00:00:00:01:12": guest.mac,
        "10.1.0.12": guest.address, "fd00:10:1:0:0:ff:fe00:112": "fd00:10:1:0:0:ff:fe00:113",
        "02:00:00:00:02:12": "02:00:00:00:02:13", "10.2.0.12": "10.2.0.13", "fd00:10:2::12": "fd00:10:2::13",
        "fe:16:11:00:00:02": "fe:16:11:00:00:03"}))
    host.wait_for_port("green-3")
    guest.configure("10.1.0.1")
    for number in (1, 2):
        vhost_lab.hosts[number].push(neighbor("green-3", host.vtep))
    return guest


STREAM_PART = 1 << 20
MOST_LOST_SECONDS = 2.0
PING_INTERVAL = 0.05


def test_a_machine_moves_to_another_host(vhost_lab: Lab, machines: dict[int, Machine], third: Guest) -> None:
    """Live migration while another host's guest pings and sends: what the data plane writes meanwhile moves, too.

    A megabyte comes when nearly all pages have been sent to the new host already, and stays in the pages that the data
    plane has written it to, since the machine reads it only there: its sum is right if QEMU knows of each of these pages.
    """
    host, machine = vhost_lab.hosts[2], machines[1]
    goal_state = GoalState.example(2)
    goal_state.add("port", "green-1", GoalState.example(1).configuration("port", "green-1"))
    for entry in ("L2/green-1", "L3/green-1"):
        goal_state.states("neighbor")[entry]["operation_type"] = "DELETE"
    host.push(goal_state)
    host.wait_for_port("green-1", "waiting")
    assert third.reaches(machine.address)
    machine.run("for each in rmem mem; do echo 16777216 16777216 16777216 > /proc/sys/net/ipv4/tcp_$each; done")
    listen(machine, 5050, "(while [ ! -e /tmp/moved ]; do sleep 0.1; done; md5sum > /tmp/sum-5050)")
    ping = third.start(["ping", "-n", "-i", str(PING_INTERVAL), machine.address], "ping")
    moved = machine.start_move(host, host.run_directory / "green-1.sock", is_server=False, bytes_per_second=24 << 20)
    # Of 128 MiB; slowly in the end, so that it doesn't end before it is told to.
    for left, bytes_per_second in ((64 << 20, 8 << 20), (8 << 20, 128 << 10)):
        wait_until(lambda left=left: 0 < machine.bytes_to_move() < left, "most pages have been sent",  # type: ignore[misc]
                   timeout=30)
        machine.limit_move(bytes_per_second)
    stream = third.start([PYTHON, TOOLS / "send_in_two_parts.py", machine.address, "5050", str(STREAM_PART)], "stream")
    stream.wait_for_log("acknowledged", timeout=20)
    assert machine.bytes_to_move() > 0
    machine.finish_move(moved)
    # As the controller does when it hears of it.
    for each in (vhost_lab.hosts[3], vhost_lab.hosts[1]):
        each.push(neighbor("green-1", host.vtep))
    machine.stop()
    machines[1] = machine = moved
    host.wait_for_port("green-1", timeout=30)
    vhost_lab.hosts[1].wait_for_port("green-1", "waiting", timeout=30)
    assert third.reaches(machine.address)
    with vhost_lab.capture(3) as underlay:
        assert third.ping(machine.address).received == 3
    assert underlay.count("vxlan && icmp.type == 8 && ip.dst == 10.0.0.2") >= 3
    assert underlay.count("vxlan && icmp.type == 8 && ip.dst == 10.0.0.1") == 0

    machine.run("touch /tmp/moved")
    stream.signal(signal.SIGUSR1)
    assert stream.wait(60) == 0
    wait_until(lambda: machine.run("cat /tmp/sum-5050"), "all of it is there", timeout=60, interval=0.3)
    assert f"sum {machine.run('cat /tmp/sum-5050').split()[0]}" in stream.log

    ping.signal(signal.SIGINT)
    ping.wait(10)
    assert "DUP!" not in ping.log
    counts = re.search(r"(\d+) packets transmitted", ping.log)
    assert counts, ping.log
    # The last ones may have been on their way.
    lost = sorted(set(range(1, int(counts[1]) - 10)) - {int(each) for each in re.findall(r"icmp_seq=(\d+) ttl", ping.log)})
    assert len(lost) <= MOST_LOST_SECONDS / PING_INTERVAL, (lost, counts[0])

    # Both are on one host now, and get what the other one's kernel has left to be cut.
    for sender, receiver, number in ((1, 2, 5021), (2, 1, 5022)):
        with LargePackets(host, machines[receiver], "received", most=0.5):
            assert send_by_tcp(machines[sender], machines[receiver], number)
