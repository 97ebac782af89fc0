"""A host whose VXLAN is the Linux kernel's, in place of the examples' host 2."""

from __future__ import annotations

from .frames import DVR_MACS
from .guest import Guest
from .topology import Lab

PEER_MTU = 1450
OUR_VTEP = "10.0.0.1"


class KernelHost:
    """Stands in for host 2: the addresses of host 2's green guest are on a kernel's VXLAN device.

    static: it is told which MAC is behind which VTEP; otherwise it asks by ARP and neighbor discovery,
    which it sends to our VTEP as to everybody, and learns.
    """

    def __init__(self, lab: Lab, *, static: bool = True) -> None:
        self.static = static
        self.namespace = lab.add_namespace("kernel-host")
        lab.connect_to_underlay(self.namespace, 2)
        self.namespace.run(["ip", "addr", "add", "10.0.0.2/24", "dev", "up0"])
        # A network card would cut what the kernel sends into packets and complete their checksums; the
        # veth that stands in for one does neither.
        self.namespace.run(["ethtool", "-K", "up0", "tx", "off", "tso", "off", "gso", "off",
                            "tx-udp_tnl-segmentation", "off", "tx-udp_tnl-csum-segmentation", "off"])
        for scope in ("all", "default"):
            self.namespace.set_kernel(f"net/ipv4/conf/{scope}/rp_filter", 0)
            self.namespace.set_kernel(f"net/ipv6/conf/{scope}/accept_ra", 0)
            self.namespace.set_kernel(f"net/ipv6/conf/{scope}/accept_dad", 0)
        # As a guest of this host "is" the device, the device has the guest's MAC.
        self.guest = Guest("green-2", self.namespace, "02:00:00:00:01:12", "10.1.0.12", lab.directory,
                           address_v6="fd00:10:1::ff:fe00:112")
        self.add_device("vx1001", 1001, self.guest.mac, ["10.1.0.12/24", f"{self.guest.address_v6}/64"])
        self.add_neighbor("vx1001", "10.1.0.11", "02:00:00:00:01:11")
        self.add_neighbor("vx1001", "fd00:10:1::ff:fe00:111", "02:00:00:00:01:11")
        # Towards red the kernel does what a distributed router does: it puts packets for red-1 into
        # red's VNI from the host's DVR MAC.
        self.add_device("vx1002", 1002, DVR_MACS[2], [])
        self.namespace.run(["ip", "route", "add", "10.2.0.11/32", "dev", "vx1002", "src", "10.1.0.12"])
        self.namespace.run(["ip", "route", "add", "fd00:10:2::11/128", "dev", "vx1002", "src", self.guest.address_v6])
        self.add_neighbor("vx1002", "10.2.0.11", "02:00:00:00:02:11")
        self.add_neighbor("vx1002", "fd00:10:2::11", "02:00:00:00:02:11")

    def add_device(self, device: str, vni: int, mac: str, addresses: list[str]) -> None:
        """A VXLAN device."""
        self.namespace.run(["ip", "link", "add", device, "address", mac, "mtu", str(PEER_MTU), "type", "vxlan",
                            "id", str(vni), "dstport", "4789", "local", "10.0.0.2",
                            "nolearning" if self.static else "learning", "dev", "up0"])
        self.namespace.set_kernel(f"net/ipv6/conf/{device}/disable_ipv6", 0)
        for address in addresses:
            self.namespace.run(["ip", "addr", "add", address, "dev", device, *(["nodad"] if ":" in address else [])])
        self.namespace.run(["ip", "link", "set", device, "up"])
        if not self.static:
            self.namespace.run(["bridge", "fdb", "append", "00:00:00:00:00:00", "dev", device, "dst", OUR_VTEP])

    def add_neighbor(self, device: str, address: str, mac: str) -> None:
        """Static entries, if it has any: which MAC an address has, and behind which VTEP that MAC is."""
        if self.static:
            self.namespace.run(["ip", "neigh", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent"])
            if not self.namespace.run(["bridge", "fdb", "show", "dev", device]).stdout.count(mac):
                self.namespace.run(["bridge", "fdb", "append", mac, "dev", device, "dst", OUR_VTEP])
