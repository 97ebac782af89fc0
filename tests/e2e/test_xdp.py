"""Uplinks that are shared with the host's kernel by AF_XDP, and containers attached by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab import Capture, GoalState, Guest, Host, Lab, two_hosts, wait_until
from lab.frames import green_echo, vxlan
from lab.host import UPLINK
from lab.kernel_host import KernelHost
from lab.metrics import ADDRESS, scrape
from lab.namespace import Namespace
from lab.topology import SWITCH
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import RawPcapReader

# Of the hosts' kernels, on the uplinks that they share with the data planes.
KERNELS = {1: "192.168.50.1", 2: "192.168.50.2"}
MODES = {1: "generic", 2: "native"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    """Two hosts whose kernels have addresses on the uplinks; the program is behind one's driver, and in the other's."""
    with two_hosts(start=False) as lab:
        for number, host in lab.hosts.items():
            host.uplink = f"af_xdp:{UPLINK},mode={MODES[number]}"
            host.namespace.run(["ip", "addr", "add", f"{KERNELS[number]}/24", "dev", UPLINK])
            host.start_dataplane()
            host.start_agent("--port-attach", "af_xdp:{tap_name}", "--metrics-listen", ADDRESS)
        lab.apply_examples()
        for guest in lab.guests.values():
            guest.lease()
        yield lab


def kernel_of(lab: Lab, number: int) -> Guest:
    """A host's kernel as a station of the underlay."""
    return Guest(f"kernel-{number}", lab.hosts[number].namespace, "", KERNELS[number], lab.directory)


def device(host: Host, name: str = UPLINK) -> dict[str, Any]:
    """What the console shows of a device."""
    return next(entry for entry in host.console.json("show", "xdp")["devices"] if entry["device"] == name)


def verdicts(host: Host, name: str = UPLINK) -> dict[str, int]:
    """Frames by what became of them."""
    port = device(host, name)["port"]
    return {entry["verdict"]: entry["frames"] for entry in host.console.json("show", "xdp")["verdicts"]
            if entry["port"] == port}


def programs_in(namespace: Namespace) -> list[str]:
    """Devices that have an XDP program."""
    links = json.loads(namespace.run(["ip", "-json", "link", "show"]).stdout)
    return sorted(link["ifname"] for link in links if "xdp" in link)


def tcp_works(client: Guest, server: Guest) -> None:
    """TCP in both directions."""
    for direction in ([], ["--reverse"]):
        process = server.iperf3_server()
        report = client.iperf3(server.address, *direction, "--bitrate", "100M", seconds=1)
        process.wait(10)
        assert report["end"]["sum_received"]["bytes"] > 100_000, report["end"]


def guests_reach_each_other(lab: Lab) -> bool:
    """Within a subnet and between subnets, over the underlay."""
    return all(lab.guests["green-1"].reaches(lab.guests[name].address) for name in ("green-2", "red-2"))


def test_kernel_and_data_plane_share_the_uplink(shared: Lab) -> None:
    """Ping and TCP of the hosts, and of containers on them, at once."""
    assert [device(host)["mode"] for host in shared.hosts.values()] == ["generic", "native"]
    green, red = shared.guests["green-1"], shared.guests["red-2"]
    assert guests_reach_each_other(shared)
    assert green.ping("10.1.0.12", size=1422).received == 3
    kernels = kernel_of(shared, 1), kernel_of(shared, 2)
    assert kernels[0].ping(KERNELS[2], size=1472).received == 3
    tcp_works(green, shared.guests["green-2"])
    tcp_works(red, green)
    tcp_works(*kernels)


def test_verdicts_are_counted_and_shown(shared: Lab) -> None:
    """In text and JSON, of the uplink and of a container's device."""
    before = {number: verdicts(host) for number, host in shared.hosts.items()}
    assert shared.guests["green-1"].ping("10.1.0.12").received == 3
    assert kernel_of(shared, 1).ping(KERNELS[2]).received == 3
    for number, host in shared.hosts.items():
        after = verdicts(host)
        assert after["vxlan"] >= before[number]["vxlan"] + 3
        assert after["other"] >= before[number]["other"] + 3
        assert after["arp"] > 0
        assert after["guest"] == after["no_socket"] == 0
        text = host.console.text("show", "xdp")
        assert "VXLAN to our tunnel endpoint" in text and MODES[number] in text
        container = shared.guests[f"green-{number}"].device_on_host
        assert {name for name, frames in verdicts(host, container).items() if frames} == {"guest"}


def test_everything_else_is_the_kernels(shared: Lab) -> None:
    """Fragments, other tags, other endpoints, broken and unknown frames reach it as they came; our VXLAN doesn't."""
    for number, host in shared.hosts.items():
        ours, mac = f"10.0.0.{number}", shared.uplink_mac(number)
        ethernet = Ether(src="02:00:00:00:00:fe", dst=mac)
        tunneled = vxlan(bytes(green_echo()), destination_mac=mac)
        to_us = Ether(tunneled)
        to_us[IP].src, to_us[IP].dst, to_us[IP].chksum = "10.0.0.77", ours, None
        elsewhere = to_us.copy()
        elsewhere[IP].dst, elsewhere[IP].chksum = "10.0.0.99", None
        whole = ethernet / IP(src="10.0.0.77", dst=ours, id=7) / UDP(sport=9, dport=4789) / Raw(bytes(400))
        expected = {
            "fragment": [ethernet / piece for piece in fragment(whole[IP], fragsize=200)],
            "other_vlan": [ethernet / Dot1Q(vlan=5) / to_us[IP]],
            "other_endpoint": [elsewhere],
            "malformed": [Raw(bytes(to_us)[:38]), Raw(bytes(to_us)[:20]), Raw(bytes(ethernet / ARP(pdst=ours))[:30])],
            "other": [ethernet / IPv6(src="2001:db8::77", dst="2001:db8::1") / UDP(sport=9, dport=53) / Raw(b"x"),
                      ethernet / IP(src="10.0.0.77", dst=ours) / TCP(sport=9, dport=4789),
                      Ether(src="02:00:00:00:00:fe", dst=mac, type=0x88b5) / Raw(bytes(50))],
        }
        before = verdicts(host)
        # Taps of the kernel see what the program has left it.
        with Capture(host.namespace, UPLINK, shared.directory / f"kernel-{number}.pcap") as capture:
            shared.send_from_wire(number, [bytes(frame) for frames in expected.values() for frame in frames]
                                  + [bytes(to_us)])
            wait_until(lambda host=host, before=before: verdicts(host)["vxlan"] > before["vxlan"],
                       "the data plane has its frame")
        seen = [frame for frame, _ in RawPcapReader(str(capture.file))]
        after = verdicts(host)
        for verdict, frames in expected.items():
            assert after[verdict] >= before[verdict] + len(frames), (verdict, before, after)
            for frame in frames:
                assert bytes(frame) in seen, (number, verdict, bytes(frame).hex())
        assert bytes(to_us) not in seen


def test_queues_mtu_and_carrier_are_followed(shared: Lab) -> None:
    """The device changes under the data plane."""
    host, mtu = shared.hosts[2], shared.hosts[2].console.uplink()["mtu"]
    assert device(host)["receive_queues"] == 1
    host.namespace.run(["ethtool", "-L", UPLINK, "rx", "2"])
    shared.underlay.run(["ethtool", "-L", "h2", "tx", "2"])
    wait_until(lambda: device(host)["receive_queues"] == 2, "both queues have sockets")
    assert guests_reach_each_other(shared)
    # As many flows as hit both queues.
    assert all(shared.guests["green-1"].ping("10.1.0.12", count=1).received == 1 for _ in range(12))
    assert verdicts(host)["no_socket"] == 0

    host.namespace.run(["ip", "link", "set", UPLINK, "mtu", "3000"])
    wait_until(lambda: host.console.uplink()["mtu"] == 3000, "the uplink has the device's MTU")
    host.namespace.run(["ip", "link", "set", UPLINK, "mtu", str(mtu)])
    wait_until(lambda: host.console.uplink()["mtu"] == mtu, "and again")

    shared.underlay.run(["ip", "link", "set", "h2", "down"])
    wait_until(lambda: host.console.uplink()["detail"] == "no carrier", "there is no carrier")
    assert host.console.uplink()["state"] == "up" and device(host)["carrier"] is False
    drops = host.console.drops()
    assert shared.guests["green-2"].ping("10.1.0.11", count=2).received == 0
    assert (host.console.drops() - drops)["egress_port_down"] >= 2
    assert scrape(host)["alkaid_ports_without_carrier", frozenset({("kind", "uplink")})] == 1
    shared.underlay.run(["ip", "link", "set", "h2", "up"])
    wait_until(lambda: host.console.uplink()["detail"] == "", "there is one")
    assert device(host)["carrier"] is True
    assert guests_reach_each_other(shared)
    assert host.dataplane is not None
    uplink = host.console.uplink()["id"]
    assert f"port {uplink}: no carrier" in host.dataplane.log and f"port {uplink} has a carrier again" in host.dataplane.log


def test_a_containers_queues_and_carrier_are_followed(shared: Lab) -> None:
    """The port of a container whose link goes down stays up; what is sent to it meanwhile is dropped and counted."""
    host, guest, other = shared.hosts[1], shared.guests["green-1"], shared.guests["green-2"]
    name = guest.device_on_host
    host.namespace.run(["ethtool", "-L", name, "rx", "2"])
    guest.run(["ethtool", "-L", "eth0", "tx", "2"])
    wait_until(lambda: device(host, name)["receive_queues"] == 2, "both queues have sockets")
    # As many flows as hit both queues.
    wait_until(lambda: other.reaches(guest.address), "the port is back")
    assert all(guest.ping(other.address, count=1).received == 1 for _ in range(12))
    assert verdicts(host, name)["no_socket"] == 0

    guest.run(["ip", "link", "set", "eth0", "down"])
    wait_until(lambda: host.console.ports()["green-1"]["detail"] == "no carrier", "there is no carrier")
    assert host.console.ports()["green-1"]["state"] == "up" and device(host, name)["carrier"] is False
    drops = host.console.drops()
    assert other.ping(guest.address, count=1).received == 0
    assert (host.console.drops() - drops)["egress_port_down"] >= 1
    wait_until(lambda: host.console.events("carrier_lost"), "the agent has been told")
    guest.run(["ip", "link", "set", "eth0", "up"])
    wait_until(lambda: host.console.ports()["green-1"]["detail"] == "", "there is one")
    wait_until(lambda: host.console.events("carrier_back"), "the agent has been told")
    assert device(host, name)["carrier"] is True
    guest.configure("10.1.0.1")
    assert guests_reach_each_other(shared)
    assert verdicts(host, name)["no_socket"] == 0


def test_a_killed_data_plane_leaves_no_program(shared: Lab) -> None:
    """The kernel takes it away with the process, and goes on using the uplink; a new one starts anew."""
    for host in shared.hosts.values():
        assert {UPLINK, *(guest.device_on_host for guest in shared.guests.values()
                          if guest.port.endswith(str(host.number)))} == set(programs_in(host.namespace))
        assert host.dataplane is not None
        host.dataplane.kill()
        wait_until(lambda host=host: programs_in(host.namespace) == [], "no device has a program")
    assert kernel_of(shared, 1).reaches(KERNELS[2])
    for host in shared.hosts.values():
        host.start_dataplane()
    for name, guest in shared.guests.items():
        shared.hosts[int(name[-1])].wait_for_port(name)
        assert guest.device_on_host in programs_in(shared.hosts[int(name[-1])].namespace)
    wait_until(lambda: guests_reach_each_other(shared), "forwarding goes on", timeout=30)
    assert kernel_of(shared, 1).reaches(KERNELS[2])


def test_another_program_is_left_alone(shared: Lab) -> None:
    """A device that has one already is refused with a text that says so."""
    namespace = shared.add_namespace("crowded")
    shared.connect_to_underlay(namespace, 3)
    first = Host(3, namespace, "10.0.0.3", shared.directory / "first")
    second = Host(4, namespace, "10.0.0.4", shared.directory / "second")
    first.uplink = second.uplink = f"af_xdp:{UPLINK}"
    first.start_dataplane()
    second.start_dataplane()
    state = second.console.uplink()
    assert state["state"] == "failed" and state["detail"], state
    assert programs_in(namespace) == [UPLINK]
    assert first.console.uplink()["state"] == "up"
    for host in (first, second):
        assert host.dataplane is not None
        host.dataplane.stop()
    assert programs_in(namespace) == []


def test_packets_of_a_larger_mtu_pass() -> None:
    """The MTUs of an uplink and of a container grow: both are opened anew, with buffers that take the larger packets."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        guest = lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11")
        kernel = KernelHost(lab)
        host.uplink = f"af_xdp:{UPLINK}"
        host.start_dataplane()
        host.start_agent("--port-attach", "af_xdp:{tap_name}")
        host.push(GoalState.example(1))
        host.wait_for_port("green-1")
        guest.configure("10.1.0.1")
        assert guest.reaches(kernel.guest.address)
        assert guest.ping(kernel.guest.address, size=1422).received == 3
        for namespace, name in ((lab.underlay, SWITCH), (lab.underlay, "h1"), (lab.underlay, "h2"),
                                (host.namespace, UPLINK), (kernel.namespace, UPLINK),
                                (host.namespace, guest.device_on_host)):
            namespace.run(["ip", "link", "set", name, "mtu", "3000"])
        kernel.namespace.run(["ip", "link", "set", "vx1001", "mtu", "2950"])
        guest.configure("10.1.0.1", mtu=2950)
        wait_until(lambda: host.console.uplink()["mtu"] == 3000, "the uplink has the larger MTU")
        wait_until(lambda: guest.ping(kernel.guest.address, count=1, size=2950 - 28).received == 1, "so has the container")
        for size in (1922, 2950 - 28):
            with lab.capture() as underlay:
                for one, other in ((guest, kernel.guest), (kernel.guest, guest)):
                    assert one.ping(other.address, size=size).received == 3, size
            # In one piece, in either direction.
            assert underlay.count(f"vxlan && frame.len == {size + 28 + 14 + 50}") == 12
    finally:
        lab.close()


def test_an_ipv6_endpoint_by_af_xdp() -> None:
    """VXLAN and neighbor discovery to our IPv6 VTEP reach us, and the kernel has an address of its own beside it."""
    lab = Lab()
    try:
        for number, mode in MODES.items():
            host = lab.add_host(number)
            host.uplink = f"af_xdp:{UPLINK},mode={mode}"
            host.underlay_options = ["--vtep", f"2001:db8::{number}/64"]
            host.namespace.set_kernel(f"net/ipv6/conf/{UPLINK}/disable_ipv6", 0)
            host.namespace.run(["ip", "addr", "add", f"2001:db8::1{number}/64", "dev", UPLINK, "nodad"])
            lab.add_guest(host, f"green-{number}", f"02:00:00:00:01:1{number}", f"10.1.0.1{number}")
        lab.start()
        for number, host in lab.hosts.items():
            host.push(GoalState.example(number).with_hosts({f"10.0.0.{each}": f"2001:db8::{each}" for each in MODES}))
            host.wait_for_port(f"green-{number}")
            lab.guests[f"green-{number}"].configure("10.1.0.1", mtu=1430)
        assert lab.guests["green-1"].reaches("10.1.0.12")
        with lab.capture() as underlay:
            assert lab.guests["green-1"].ping("10.1.0.12", size=1402).received == 3
            assert kernel_of(lab, 1).ping("2001:db8::12").received == 3
        assert underlay.count("ipv6.dst == 2001:db8::2 && vxlan && icmp") == 3
        for host in lab.hosts.values():
            counted = verdicts(host)
            assert counted["vxlan"] >= 3 and counted["neighbor_discovery"] > 0 and counted["other"] >= 3, counted
    finally:
        lab.close()
