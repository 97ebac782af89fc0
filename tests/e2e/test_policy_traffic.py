"""Security groups beyond TCP over IPv4: UDP, IPv6, remote groups; what the console says and does at such a port.

green-1 on host 1 enforces groups; green-2 on host 2 and red-1 on host 1 have none.
"""

from __future__ import annotations

from typing import Any

import pytest
from lab import GoalState, Guest, Lab, wait_until
from lab.console import Console
from lab.frames import GATEWAYS_V6
from lab.programs import PYTHON
from lab.shell import run
from scapy.layers.inet import IP, UDP  # pylint: disable=wrong-import-order
from scapy.layers.l2 import Ether  # pylint: disable=wrong-import-order
from scapy.packet import Raw  # pylint: disable=wrong-import-order

OPEN, CLOSED = 5000, 5001
ECHO_SERVER = """
import socket, sys
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(sys.argv[2]))
server.bind(("::", int(sys.argv[1])))
print("listening", flush=True)
while True:
    server.sendto(*server.recvfrom(1500))
"""
ASK = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
client = socket.socket(family, socket.SOCK_DGRAM)
client.settimeout(0.5)
for _ in range(int(sys.argv[3])):
    client.sendto(b"?", (sys.argv[1], int(sys.argv[2])))
    try:
        client.recv(100)
        sys.exit(0)
    except TimeoutError:
        pass
sys.exit(1)
"""


def rule(name: str, protocol: str, port: int | None = None, direction: str = "INGRESS", **more: Any) -> dict[str, Any]:
    """A rule; port None: all."""
    ports = {} if port is None else {"port_range_min": port, "port_range_max": port}
    return {"id": name, "direction": direction, "protocol": protocol, **ports, **more}


GROUP = {"id": "front", "name": "front", "update_type": "FULL", "security_group_rules": [
    rule("udp", "UDP", OPEN),
    rule("udp-v6-of-friends", "UDP", OPEN, ethertype="IPV6", remote_group_id="friends"),
    rule("ping-v6", "ICMP", ethertype="IPV6"),
]}
FRIENDS = {"id": "friends", "name": "friends", "update_type": "FULL", "security_group_rules": []}


def neighbor(lab: Lab, *groups: str) -> tuple[str, str, dict[str, Any]]:
    """green-2 as host 1's neighbor in these groups."""
    del lab
    configuration = GoalState.example(1).configuration("neighbor", "L2/green-2")
    return "neighbor", "L2/green-2", {**configuration, "security_group_ids": list(groups)}


def push(lab: Lab, *states: tuple[str, str, dict[str, Any]]) -> None:
    """States for host 1."""
    made = GoalState({})
    for kind, key, configuration in states:
        made.add(kind, key, configuration)
    lab.hosts[1].push(made)


@pytest.fixture(scope="module", name="guarded")
def guard(leased: Lab) -> Lab:
    """Addresses of both families, UDP servers in green-1, and green-1 in its group."""
    for guest in leased.guests.values():
        guest.configure_v6(GATEWAYS_V6[guest.port.split("-", maxsplit=1)[0]])
    for port in (OPEN, CLOSED):
        leased.guests["green-1"].start([PYTHON, "-c", ECHO_SERVER, str(port), "0"], f"echo-{port}").wait_for_log("listening")
    port_state = GoalState.example(1).configuration("port", "green-1")
    push(leased, ("port", "green-1", {**port_state, "security_group_ids": [{"id": "front"}]}),
         ("security_group", "front", GROUP), ("security_group", "friends", FRIENDS), neighbor(leased))
    return leased


@pytest.fixture(name="console")
def make_console(guarded: Lab) -> Console:
    """Host 1's."""
    return guarded.hosts[1].console


def is_answered(guest: Guest, address: str, port: int, tries: int = 6) -> bool:
    """Whether a datagram is echoed; a refused one needs no long wait."""
    return guest.run([PYTHON, "-c", ASK, address, str(port), str(tries)], check=False, timeout=30).returncode == 0


def test_udp(guarded: Lab) -> None:
    """IPv4, from the other host and routed on this one: only the rule's port."""
    for name in ("green-2", "red-1"):
        guest = guarded.guests[name]
        assert is_answered(guest, "10.1.0.11", OPEN)
        assert not is_answered(guest, "10.1.0.11", CLOSED, tries=1)


def test_ipv6_and_a_remote_group(guarded: Lab, console: Console) -> None:
    """A group's members get in over IPv6 while they are members; pings and neighbor discovery always."""
    caller, address = guarded.guests["green-2"], guarded.guests["green-1"].address_v6
    assert caller.ping(address).received == 3
    assert not is_answered(caller, address, OPEN, tries=1)
    push(guarded, neighbor(guarded, "friends"))
    assert is_answered(caller, address, OPEN)
    assert not is_answered(caller, address, CLOSED, tries=1)
    assert console.json("show", "conntrack", "group", "front", "protocol", "udp")["connections"]
    push(guarded, neighbor(guarded))
    assert not is_answered(caller, address, OPEN, tries=1)
    # Nobody lets the guest itself out.
    assert not guarded.guests["green-1"].ping(caller.address_v6, count=1).received


def test_policy_is_shown_and_flushed_by_group(guarded: Lab, console: Console) -> None:
    """Rules with their hits; a flush by group takes what the group admitted, and the guests go on."""
    guest = guarded.guests["green-2"]
    assert is_answered(guest, "10.1.0.11", OPEN)
    assert guest.ping(guarded.guests["green-1"].address_v6).received == 3
    shown = console.json("show", "port", "green-1", "policy")
    assert shown["policy"]["enforced"]
    assert shown["policy"]["security_groups"] == ["front"]
    hits = {entry["id"]: entry["hits"] for entry in shown["rules"]}
    assert hits["udp"] > 0 and hits["ping-v6"] > 0
    assert next(entry for entry in shown["rules"] if entry["id"] == "udp-v6-of-friends")["remote"] == {"group": "friends"}
    listed = console.json("show", "conntrack", "group", "front", "address", "10.1.0.11")["connections"]
    assert {entry["ingress_rule"] for entry in listed} == {"front/udp"}
    assert console.json("flush", "conntrack", "group", "friends")["flushed"]["connections"] == 0
    assert console.json("flush", "conntrack", "group", "front")["flushed"]["connections"] >= len(listed)
    assert not console.json("show", "conntrack", "group", "front")["connections"]
    assert is_answered(guest, "10.1.0.11", OPEN)


def test_explained_and_sent(guarded: Lab, console: Console) -> None:
    """What explain says of a packet happens to it: allowed, refused by the groups, without a route, spoofed."""
    explained = console.json("explain", "green-1", "in", "udp", "10.1.0.12:4000", f"10.1.0.11:{OPEN}")["verdict"]
    assert explained["outcome"] == "forwarded"
    assert explained["egress"] == "green-1"
    assert is_answered(guarded.guests["green-2"], "10.1.0.11", OPEN)

    sender = guarded.guests["red-1"]
    gateway = "02:00:00:00:02:01"
    for source, destination, reason in (
            ("10.2.0.11", "10.1.0.11", "policy_ingress"),
            ("10.2.0.11", "198.51.100.1", "route_missing"),
            ("10.2.0.99", "10.1.0.11", "spoofed_ip")):
        words = ("explain", "red-1", "out", "udp", f"{source}:4000", f"{destination}:{CLOSED}")
        answer = run(console.command(*words, as_json=True), check=False)
        assert answer.returncode == 4, answer.stdout
        assert f'"reason": "{reason}"' in answer.stdout or f'"reason":"{reason}"' in answer.stdout
        before = console.drops("red-1")[reason]
        sender.send_frames([bytes(Ether(src=sender.mac, dst=gateway) / IP(src=source, dst=destination)
                                  / UDP(sport=4000, dport=CLOSED) / Raw(b"?"))])
        wait_until(lambda r=reason, b=before: console.drops("red-1")[r] == b + 1, f"{reason} to be counted")
