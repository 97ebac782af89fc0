"""Path MTU: jumbo frames across hosts, and what guests are told about packets that are too big."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from lab import GoalState, Guest, Lab, wait_until
from lab.capture import BAD_CHECKSUM
from lab.kernel_host import KernelHost

JUMBO = 9000
OVERHEAD = 50


def set_device_mtu(lab: Lab, guest: Guest, mtu: int) -> None:
    """Both ends of a guest's veth."""
    host = lab.hosts[int(guest.port[-1])]
    guest.run(["ip", "link", "set", "eth0", "mtu", str(mtu)])
    host.namespace.run(["ip", "link", "set", guest.device_on_host, "mtu", str(mtu)])


def set_underlay_mtu(lab: Lab, mtu: int) -> None:
    """The switch, its ports and the hosts' uplinks."""
    for number, host in lab.hosts.items():
        lab.underlay.run(["ip", "link", "set", f"h{number}", "mtu", str(mtu)])
        host.namespace.run(["ip", "link", "set", "up0", "mtu", str(mtu)])
    lab.underlay.run(["ip", "link", "set", "br0", "mtu", str(mtu)])


def wait_for_mtu(lab: Lab, guest: Guest, mtu: int) -> None:
    """Until the data plane's port has it and is attached."""
    console = lab.hosts[int(guest.port[-1])].console

    def has_it() -> bool:
        port = console.guest_ports()[guest.port]
        return int(port["mtu"]) == mtu and port["state"] == "up"
    wait_until(has_it, f"{guest.port} to have an MTU of {mtu}")


@pytest.fixture(scope="module")
def jumbo() -> Iterator[Lab]:
    """Two hosts that start with 1,500 bytes everywhere and are given jumbo frames while they run."""
    lab = Lab()
    try:
        for number in (1, 2):
            host = lab.add_host(number)
            lab.add_guest(host, f"green-{number}", f"02:00:00:00:01:1{number}", f"10.1.0.1{number}")
            lab.add_guest(host, f"red-{number}", f"02:00:00:00:02:1{number}", f"10.2.0.1{number}")
        lab.start()
        lab.apply_examples()
        for guest in lab.guests.values():
            wait_for_mtu(lab, guest, 1500 - OVERHEAD)
        set_underlay_mtu(lab, JUMBO)
        for guest in lab.guests.values():
            set_device_mtu(lab, guest, JUMBO)
        for guest in lab.guests.values():
            wait_for_mtu(lab, guest, JUMBO - OVERHEAD)
            guest.lease()
        yield lab
    finally:
        lab.close()


def ping_whole(guest: Guest, destination: str, size: int) -> str:
    """One ping that must not be fragmented; what ping said."""
    return guest.run(["ping", "-n", "-M", "do", "-c", "1", "-W", "2", "-s", str(size), destination],
                     check=False).stdout


def test_lease_has_the_jumbo_mtu(jumbo: Lab) -> None:
    """Option 26 follows the devices' and the underlay's MTU."""
    assert jumbo.guests["green-1"].lease()["mtu"] == str(JUMBO - OVERHEAD)


@pytest.mark.parametrize("destination", ["10.1.0.12", "10.2.0.12", "10.2.0.11"])
@pytest.mark.parametrize("size", [1472, 1964, 2048, 8900, 8922])
def test_jumbo_ping(jumbo: Lab, destination: str, size: int) -> None:
    """Across hosts, routed and not, and on one host, up to the last byte."""
    assert "1 received" in ping_whole(jumbo.guests["green-1"], destination, size)


@pytest.mark.parametrize("destination", ["green-2", "red-2"])
def test_jumbo_tcp(jumbo: Lab, destination: str) -> None:
    """TCP with segments of the jumbo size."""
    server = jumbo.guests[destination]
    process = server.iperf3_server()
    with jumbo.capture() as underlay:
        report = jumbo.guests["green-1"].iperf3(server.address, "--bitrate", "100M", seconds=1)
    process.wait(10)
    assert report["end"]["sum_received"]["bytes"] > 1_000_000
    assert underlay.count("vxlan && tcp.len > 8000") > 10
    assert underlay.count(f"_ws.malformed || {BAD_CHECKSUM}") == 0


@pytest.mark.parametrize("destination", ["10.1.0.12", "10.2.0.12", "10.2.0.11"])
def test_fragments_of_guests_pass(jumbo: Lab, destination: str) -> None:
    """What guests cut themselves arrives in the pieces that they made: no kernel on the way joins them."""
    guest = jumbo.guests["green-1"]
    with jumbo.capture() as underlay:
        output = guest.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-s", "20000", destination],
                           check=False).stdout
    assert "2 received" in output, output
    if destination != "10.2.0.11":
        # Three pieces each of two requests and two answers.
        assert underlay.count("vxlan && ip.frag_offset > 0") == 8


def test_too_big_is_told(jumbo: Lab) -> None:
    """A packet beyond the underlay's room gets the MTU that would have fitted."""
    guest = jumbo.guests["green-1"]
    guest.run(["ip", "link", "set", "eth0", "mtu", str(JUMBO)])
    guest.run(["ip", "route", "flush", "cache"])
    try:
        output = ping_whole(guest, "10.1.0.12", 8960)
        assert re.search(rf"mtu ?= ?{JUMBO - OVERHEAD}", output), output
        assert jumbo.hosts[1].console.drops("green-1")["underlay_too_big"] >= 1
    finally:
        guest.run(["ip", "link", "set", "eth0", "mtu", str(JUMBO - OVERHEAD)])


def test_tracepath_finds_the_mtu(jumbo: Lab) -> None:
    """tracepath finds it by itself, through the router too."""
    guest = jumbo.guests["green-1"]
    guest.run(["ip", "link", "set", "eth0", "mtu", str(JUMBO)])
    try:
        for destination in ("10.1.0.12", "10.2.0.12"):
            guest.run(["ip", "route", "flush", "cache"])
            output = guest.run(["tracepath", "-n", destination], timeout=30).stdout
            assert f"pmtu {JUMBO - OVERHEAD}" in output, output
    finally:
        guest.run(["ip", "link", "set", "eth0", "mtu", str(JUMBO - OVERHEAD)])


def test_shrinking_is_followed(jumbo: Lab) -> None:
    """An underlay that gets smaller is told to guests at once, and larger again."""
    set_underlay_mtu(jumbo, 1500)
    guest = jumbo.guests["green-1"]
    wait_for_mtu(jumbo, guest, 1500 - OVERHEAD)
    assert guest.lease()["mtu"] == str(1500 - OVERHEAD)
    assert "1 received" in ping_whole(guest, "10.1.0.12", 1422)
    set_underlay_mtu(jumbo, JUMBO)
    wait_for_mtu(jumbo, guest, JUMBO - OVERHEAD)
    assert guest.lease()["mtu"] == str(JUMBO - OVERHEAD)
    assert "1 received" in ping_whole(guest, "10.1.0.12", 8922)


# ------------------------------------------------------------ fragments outside, segment size


def with_mtu(number: int, mtu: int) -> GoalState:
    """Host N's example with this MTU in its subnets."""
    state = GoalState.example(number)
    for subnet in ("green", "red"):
        state.configuration("subnet", subnet)["extra_dhcp_options"] = [{"name": "mtu", "value": str(mtu)}]
    return state


@pytest.fixture
def fragmenting() -> Iterator[Lab]:
    """Two hosts with --fragment outer and --clamp-mss; guests of 1,500 bytes on an underlay of 1,500."""
    lab = Lab()
    try:
        for number in (1, 2):
            host = lab.add_host(number)
            lab.add_guest(host, f"green-{number}", f"02:00:00:00:01:1{number}", f"10.1.0.1{number}")
            lab.add_guest(host, f"red-{number}", f"02:00:00:00:02:1{number}", f"10.2.0.1{number}")
            host.start_dataplane("--fragment", "outer", "--clamp-mss")
        for number, host in lab.hosts.items():
            host.start_agent()
            host.push(with_mtu(number, 1500))
        for guest in lab.guests.values():
            wait_for_mtu(lab, guest, 1500)
            assert guest.lease()["mtu"] == "1500"
        yield lab
    finally:
        lab.close()


def test_fragments_outside(fragmenting: Lab) -> None:
    """A packet without DF passes in outer fragments, one with DF gets the MTU; TCP is clamped."""
    guest = fragmenting.guests["green-1"]
    with fragmenting.capture() as underlay:
        for destination in ("10.1.0.12", "10.2.0.12"):
            for size in (1472, 4000):
                sent = guest.run(["ping", "-n", "-M", "dont", "-c", "2", "-i", "0.2", "-W", "2", "-s", str(size),
                                  destination], check=False).stdout
                assert "2 received" in sent, sent
        server = fragmenting.guests["green-2"]
        process = server.iperf3_server()
        guest.iperf3(server.address, "--bitrate", "20M", seconds=1)
        process.wait(10)
    assert underlay.count("ip.flags.mf == 1 && ip.frag_offset == 0") > 4
    # Nothing on the wire is larger than its MTU, and tshark puts the fragments together as we do.
    assert underlay.count("frame.len > 1514") == 0
    assert underlay.count("ip.checksum.status == 0 || _ws.malformed") == 0
    assert underlay.count("ip.reassembled.length") > 4
    sizes = {row[0] for row in underlay.frames("vxlan && tcp.flags.syn == 1", "tcp.options.mss_val")}
    assert sizes == {"1410"}
    assert re.search(r"mtu ?= ?1450", ping_whole(guest, "10.1.0.12", 1472))
    for host in fragmenting.hosts.values():
        assert host.console.drops()["underlay_reassembly"] == 0


def test_fragments_with_a_kernel_peer() -> None:
    """The kernel puts our fragments together, and we its."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        guest = lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11")
        lab.add_guest(host, "red-1", "02:00:00:00:02:11", "10.2.0.11")
        host.start_dataplane("--fragment", "outer")
        host.start_agent()
        host.push(with_mtu(1, 1500))
        peer = KernelHost(lab)
        # Tied to up0 the device could not have a larger MTU than fits, nor would it fragment.
        peer.namespace.run(["ip", "link", "del", "vx1001"])
        peer.namespace.run(["ip", "link", "add", "vx1001", "address", peer.guest.mac, "mtu", "1500", "type", "vxlan",
                            "id", "1001", "dstport", "4789", "local", "10.0.0.2", "nolearning"])
        peer.namespace.run(["ip", "addr", "add", "10.1.0.12/24", "dev", "vx1001"])
        peer.namespace.run(["ip", "link", "set", "vx1001", "up"])
        peer.add_neighbor("vx1001", guest.address, guest.mac)
        wait_for_mtu(lab, guest, 1500)
        guest.lease()
        with lab.capture() as underlay:
            for size in (1472, 4000):
                sent = guest.run(["ping", "-n", "-M", "dont", "-c", "2", "-i", "0.2", "-W", "2", "-s", str(size),
                                  "10.1.0.12"], check=False).stdout
                assert "2 received" in sent, sent
        for mac in (lab.uplink_mac(1), peer.namespace.run(["cat", "/sys/class/net/up0/address"]).stdout.strip()):
            assert underlay.count(f"ip.flags.mf == 1 && ip.frag_offset == 0 && eth.src == {mac}") >= 2
    finally:
        lab.close()
