"""The remote host is the Linux kernel's VXLAN device: what we send it understands, and the reverse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import Capture, Guest, Lab
from lab.frames import DVR_MACS, GATEWAYS

PEER_MTU = 1450


class KernelHost:
    """Stands in for host 2: the guests' addresses of host 2 are on the kernel's VXLAN devices."""

    def __init__(self, lab: Lab) -> None:
        self.namespace = lab.add_namespace("kernel-host")
        lab.connect_to_underlay(self.namespace, 2)
        self.namespace.run(["ip", "addr", "add", "10.0.0.2/24", "dev", "up0"])
        # A network card would cut what the kernel sends into packets and complete their checksums; the
        # veth that stands in for one does neither.
        self.namespace.run(["ethtool", "-K", "up0", "tx", "off", "tso", "off", "gso", "off",
                            "tx-udp_tnl-segmentation", "off", "tx-udp_tnl-csum-segmentation", "off"])
        self.namespace.set_kernel("net/ipv4/conf/all/rp_filter", 0)
        self.namespace.set_kernel("net/ipv4/conf/default/rp_filter", 0)
        # As a guest of this host "is" the device, the device has the guest's MAC.
        self.add_device("vx1001", 1001, "02:00:00:00:01:12", "10.1.0.12/24")
        self.add_neighbor("vx1001", "10.1.0.11", "02:00:00:00:01:11")
        self.guest = Guest("green-2", self.namespace, "02:00:00:00:01:12", "10.1.0.12", lab.directory)
        # Towards red the kernel does what a distributed router does: it puts packets for red-1 into
        # red's VNI from the host's DVR MAC.
        self.add_device("vx1002", 1002, DVR_MACS[2], None)
        self.namespace.run(["ip", "route", "add", "10.2.0.11/32", "dev", "vx1002", "src", "10.1.0.12"])
        self.add_neighbor("vx1002", "10.2.0.11", "02:00:00:00:02:11")

    def add_device(self, device: str, vni: int, mac: str, address: str | None) -> None:
        """A VXLAN device that learns nothing."""
        self.namespace.run(["ip", "link", "add", device, "address", mac, "mtu", str(PEER_MTU), "type", "vxlan",
                            "id", str(vni), "dstport", "4789", "local", "10.0.0.2", "nolearning", "dev", "up0"])
        if address:
            self.namespace.run(["ip", "addr", "add", address, "dev", device])
        self.namespace.run(["ip", "link", "set", device, "up"])

    def add_neighbor(self, device: str, address: str, mac: str) -> None:
        """Static entries: which MAC an address has, and behind which VTEP that MAC is."""
        self.namespace.run(["ip", "neigh", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent"])
        self.namespace.run(["bridge", "fdb", "append", mac, "dev", device, "dst", "10.0.0.1"])


@pytest.fixture(scope="module")
def peer() -> Iterator[tuple[Lab, KernelHost]]:
    """Our host 1 with green-1 and red-1; the kernel as host 2."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11")
        lab.add_guest(host, "red-1", "02:00:00:00:02:11", "10.2.0.11")
        kernel = KernelHost(lab)
        lab.start()
        lab.apply_examples()
        for guest in lab.guests.values():
            guest.lease()
        yield lab, kernel
    finally:
        lab.close()


def require_well_formed(capture: Capture) -> None:
    """tshark finds nothing wrong, down to the inner checksums."""
    assert capture.count("vxlan") > 0
    assert capture.count("_ws.malformed") == 0
    assert capture.count("ip.checksum.status == 0 || udp.checksum.status == 0 || tcp.checksum.status == 0") == 0


def test_ping_to_the_kernel(peer: tuple[Lab, KernelHost]) -> None:
    """We encapsulate, the kernel decapsulates, and the way back."""
    lab, _ = peer
    with lab.capture() as underlay:
        result = lab.guests["green-1"].ping("10.1.0.12")
    assert (result.received, result.ttl) == (3, 64), result.output
    assert underlay.count("vxlan && icmp") == 6
    require_well_formed(underlay)


def test_ping_from_the_kernel(peer: tuple[Lab, KernelHost]) -> None:
    """The kernel starts."""
    lab, kernel = peer
    with lab.capture() as underlay:
        result = kernel.guest.ping("10.1.0.11")
    assert (result.received, result.ttl) == (3, 64), result.output
    require_well_formed(underlay)


def test_routed_ping(peer: tuple[Lab, KernelHost]) -> None:
    """Routed by us on the way out; on the way in from a DVR MAC, which the guest must not see."""
    lab, kernel = peer
    guest = lab.guests["red-1"]
    seen = guest.start(["tcpdump", "-n", "-e", "-l", "-i", "eth0", "-c", "1", "icmp[icmptype] == icmp-echoreply"],
                       "tcpdump")
    seen.wait_for_log("listening on")
    with lab.capture() as underlay:
        result = guest.ping(kernel.guest.address)
    assert result.received == 3, result.output
    require_well_formed(underlay)
    seen.wait(5)
    assert GATEWAYS["red"][1] in seen.log and DVR_MACS[2] not in seen.log, seen.log
    # 64 less one for our router; the kernel answers itself and routes nothing.
    ours = underlay.frames("vxlan && icmp.type == 8", "ip.ttl")
    assert {row[0].split(",")[1] for row in ours} == {"63"}


@pytest.mark.parametrize("name", ["green-1", "red-1"])
@pytest.mark.parametrize("direction", [[], ["--reverse"]], ids=["to-kernel", "from-kernel"])
def test_tcp(peer: tuple[Lab, KernelHost], name: str, direction: list[str]) -> None:
    """TCP, so that checksums and segment sizes matter."""
    lab, kernel = peer
    server = kernel.guest.iperf3_server()
    with lab.capture() as underlay:
        report = lab.guests[name].iperf3(kernel.guest.address, *direction, "--bitrate", "200M", seconds=1)
    server.wait(10)
    assert report["end"]["sum_received"]["bytes"] > 100_000
    require_well_formed(underlay)
