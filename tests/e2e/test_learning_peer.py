"""The remote host is a Linux VXLAN device without static neighbors: it asks by broadcast and learns."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from lab import GoalState, Guest, Lab
from lab.frames import GATEWAYS
from lab.kernel_host import KernelHost

GREEN_3 = ("green-3", "02:00:00:00:01:13", "10.1.0.13")


@pytest.fixture(scope="module")
def peer() -> Iterator[tuple[Lab, KernelHost]]:
    """Our host 1 with green-1, red-1 and green-3, which replicates broadcast; the kernel as host 2."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11")
        lab.add_guest(host, "red-1", "02:00:00:00:02:11", "10.2.0.11")
        lab.add_guest(host, *GREEN_3)
        kernel = KernelHost(lab, static=False)
        host.start_dataplane()
        host.start_agent("--broadcast", "1001=replicate")
        goal_state = GoalState.example(1)
        name, mac, address = GREEN_3
        subnet = goal_state.configuration("port", "green-1")["fixed_ips"][0]["subnet_id"]
        goal_state.copy_resource("port", "green-1", name, id=name, mac_address=mac,
                                 fixed_ips=[{"subnet_id": subnet, "ip_address": address}])
        host.push(goal_state)
        for port in goal_state.states("port"):
            host.wait_for_port(port)
        for guest in lab.guests.values():
            guest.configure(GATEWAYS["green" if guest.port.startswith("green") else "red"][0])
        yield lab, kernel
    finally:
        lab.close()


def forget(kernel: KernelHost) -> None:
    """Takes back what the kernel has learnt, so that it asks again."""
    kernel.namespace.run(["ip", "neigh", "flush", "dev", "vx1001"])


def arping(kernel: KernelHost, target: str) -> str:
    """Asks three times by broadcast."""
    return kernel.namespace.run(["arping", "-i", "vx1001", "-S", kernel.guest.address, "-c", "3", "-W", "0.3", target],
                                check=False, timeout=20).stdout


def test_ping_from_the_kernel(peer: tuple[Lab, KernelHost]) -> None:
    """Its ARP request is a broadcast into our tunnel; the guest answers."""
    _, kernel = peer
    forget(kernel)
    result = kernel.guest.ping("10.1.0.11")
    assert (result.received, result.ttl) == (3, 64), result.output


def test_ping_to_the_kernel(peer: tuple[Lab, KernelHost]) -> None:
    """The kernel finds out by itself who asks it."""
    lab, kernel = peer
    forget(kernel)
    result = lab.guests["green-1"].ping(kernel.guest.address)
    assert (result.received, result.ttl) == (3, 64), result.output


def test_ping_of_the_gateway(peer: tuple[Lab, KernelHost]) -> None:
    """The gateway is on every host, so ours answers the kernel's ARP request and its pings."""
    _, kernel = peer
    forget(kernel)
    result = kernel.guest.ping(GATEWAYS["green"][0])
    assert result.received == 3, result.output


@pytest.mark.parametrize(("target", "mac"), [(GATEWAYS["green"][0], GATEWAYS["green"][1]),
                                             ("10.1.0.11", "02:00:00:00:01:11")], ids=["gateway", "guest"])
def test_arping(peer: tuple[Lab, KernelHost], target: str, mac: str) -> None:
    """Every request has one answer, from the right MAC."""
    _, kernel = peer
    output = arping(kernel, target)
    assert output.lower().count(mac) == 3, output


def test_arping_of_nobody(peer: tuple[Lab, KernelHost]) -> None:
    """What nobody answers is asked of every local port and counted nowhere as answered."""
    _, kernel = peer
    assert re.search(r"\b0 packets received", arping(kernel, "10.1.0.99"))


def datagrams_seen(guest: Guest, send) -> int:  # type: ignore[no-untyped-def]
    """How many datagrams to port 9999 a guest's device receives while `send` runs."""
    tcpdump = guest.start(["tcpdump", "-n", "-l", "-Q", "in", "-i",
                           "vx1001" if guest.port == "green-2" else "eth0", "udp", "dst", "port", "9999"], "tcpdump")
    tcpdump.wait_for_log("listening on")
    send()
    guest.run(["sleep", "0.7"])
    tcpdump.stop()
    return len(re.findall(r"UDP, length 5", tcpdump.log))


SAY_HELLO = ("import socket, sys\n"
             "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
             "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
             "s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[2]))\n"
             "s.bind((sys.argv[2], 0))\n"
             "s.sendto(b'hello', (sys.argv[1], 9999))\n")


@pytest.mark.parametrize("destination", ["10.1.0.255", "239.1.2.3"], ids=["broadcast", "multicast"])
@pytest.mark.parametrize("sender", ["green-1", "green-2"], ids=["from-us", "from-the-kernel"])
def test_replication(peer: tuple[Lab, KernelHost], sender: str, destination: str) -> None:
    """One datagram arrives once at every other station of the subnet, and not in another subnet."""
    lab, kernel = peer
    stations = {**lab.guests, "green-2": kernel.guest}
    say = stations[sender]

    def send() -> None:
        say.run(["/usr/bin/python3", "-c", SAY_HELLO, destination, say.address])

    for name, guest in stations.items():
        expected = 1 if name.startswith("green") and name != sender else 0
        assert datagrams_seen(guest, send) == expected, name
