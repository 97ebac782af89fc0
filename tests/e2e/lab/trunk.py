"""A trunk: one device of a host behind which every guest is a VLAN of its own.

A switch in a namespace stands for the network card's or the hypervisor's; guests put their frames into their VLANs
themselves, by a BPF program on their devices, since a kernel without 8021q has no VLAN devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .guest import Guest, send_frames
from .host import Host
from .namespace import add_veth
from .programs import PYTHON, TOOLS
from .shell import run
from .topology import Lab

SWITCH = "br0"


@dataclass(frozen=True)
class VlanGuest:
    """A guest of which there are only frames."""

    vlan: int
    mac: str
    address: str


class Trunk:
    """A device of a host, "trk0", "trk1" and so on, and what is behind it."""

    def __init__(self, lab: Lab, host: Host, number: int = 0) -> None:
        self.lab = lab
        self.host = host
        self.device = f"trk{number}"
        self._files = 0
        self.switch = lab.add_namespace(f"trunk{number}")
        self.switch.run(["ip", "link", "add", SWITCH, "type", "bridge", "stp_state", "0", "forward_delay", "0",
                         "mcast_snooping", "0"])
        self.switch.run(["ip", "link", "set", SWITCH, "up"])

    def plug(self, mtu: int = 1500) -> None:
        """Makes the device."""
        add_veth(self.host.namespace, self.device, self.switch, "trunk", mtu=mtu)
        self.switch.run(["ip", "link", "set", "trunk", "master", SWITCH])

    def unplug(self) -> None:
        """Takes it away."""
        self.host.namespace.run(["ip", "link", "del", self.device])

    def connect(self, guest: Guest) -> None:
        """Connects a guest, which has no VLAN yet."""
        device = f"g-{guest.port}"
        add_veth(guest.namespace, "eth0", self.switch, device, first_mac=guest.mac)
        self.switch.run(["ip", "link", "set", device, "master", SWITCH])

    def vlan_of(self, port: str) -> int:
        """The VLAN that a port was given."""
        attachment = self.host.console.ports()[port]["attachment"]
        return int(attachment.removeprefix("vlan:trunk0/"))

    def put_into_vlan(self, guest: Guest, vlan: int) -> None:
        """From now on the guest sends and receives with this tag only."""
        program = guest.file("vlan.o")
        architecture = run(["gcc", "-print-multiarch"]).stdout.strip()
        run(["clang-14", "-O2", "-target", "bpf", f"-I/usr/include/{architecture}", f"-DVLAN={vlan}", "-c",
             TOOLS / "vlan_tag.bpf.c", "-o", program])
        guest.run(["tc", "qdisc", "replace", "dev", "eth0", "clsact"])
        for direction, section in (("egress", "send"), ("ingress", "receive")):
            guest.run(["tc", "filter", "replace", "dev", "eth0", direction, "prio", "1", "handle", "1", "bpf", "da",
                       "obj", program, "sec", section])

    def send_to_host(self, frames: list[bytes]) -> None:
        """Sends raw frames to the host, as they are."""
        send_frames(self.switch, "trunk", frames, self._new_file("frames"))

    def ask_for_gateway(self, guests: list[VlanGuest], gateway: str) -> list[int]:
        """Asks in all these VLANs who the gateway is, and returns the VLANs of the answers."""
        file = self._new_file("guests")
        file.write_text("".join(f"{guest.vlan} {guest.mac} {guest.address} {gateway}\n" for guest in guests))
        output = self.switch.run([PYTHON, TOOLS / "ask_in_vlans.py", "trunk", file], timeout=180).stdout
        return [int(line) for line in output.split()]

    def _new_file(self, name: str) -> Path:
        self._files += 1
        return self.lab.directory / f"{self.device}-{name}-{self._files}"
