"""The lab: an underlay switch, hosts on it, guests on the hosts."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .capture import Capture
from .goal_state import GoalState
from .guest import Guest, send_frames
from .host import UPLINK, Host
from .namespace import Namespace, add_veth, end_processes_in, namespaces_of, new_lab_name, sweep_abandoned
from .shell import LabError, run

SWITCH = "br0"


class Lab:
    """Hosts and guests by name; close() removes every trace."""

    def __init__(self, *, underlay_mtu: int = 1500) -> None:
        sweep_abandoned()
        self.name = new_lab_name()
        self.underlay_mtu = underlay_mtu
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.hosts: dict[int, Host] = {}
        self.guests: dict[str, Guest] = {}
        self._namespaces: list[Namespace] = []
        self._captures = 0
        self._kept = False
        self.underlay = self.add_namespace("underlay")
        self._add_switch()

    def _add_switch(self) -> None:
        # A plain switch: no spanning tree, no multicast snooping, nothing said on its own.
        self.underlay.run(["ip", "link", "add", SWITCH, "type", "bridge", "stp_state", "0", "forward_delay", "0",
                           "mcast_snooping", "0"])
        self.underlay.run(["ip", "link", "set", SWITCH, "mtu", str(self.underlay_mtu), "up"])

    # ------------------------------------------------------------ building

    def add_namespace(self, role: str) -> Namespace:
        """A namespace that goes with the lab."""
        namespace = Namespace(self.name, role)
        self._namespaces.append(namespace)
        return namespace

    def connect_to_underlay(self, namespace: Namespace, number: int) -> None:
        """Gives a namespace an uplink "up0" whose other end, "hN", is a port of the switch."""
        add_veth(namespace, UPLINK, self.underlay, f"h{number}", mtu=self.underlay_mtu)
        self.underlay.run(["ip", "link", "set", f"h{number}", "master", SWITCH])

    def add_host(self, number: int) -> Host:
        """Host N with VTEP 10.0.0.N; its processes are not started yet."""
        namespace = self.add_namespace(f"host-{number}")
        self.connect_to_underlay(namespace, number)
        host = Host(number, namespace, f"10.0.0.{number}", self.directory / f"host-{number}")
        self.hosts[number] = host
        return host

    def add_guest(self, host: Host, port: str, mac: str, address: str, *, address_v6: str = "",
                  plugged: bool = True) -> Guest:
        """A guest machine; unless `plugged`, its device comes later (plug)."""
        guest = Guest(port, self.add_namespace(port), mac, address, self.directory, address_v6=address_v6)
        self.guests[port] = guest
        if plugged:
            self.plug(host, guest)
        return guest

    def plug(self, host: Host, guest: Guest) -> None:
        """Connects a guest to a host by a veth, as Nova would with a tap."""
        add_veth(guest.namespace, "eth0", host.namespace, guest.device_on_host, first_mac=guest.mac)

    def unplug(self, host: Host, guest: Guest) -> None:
        """Takes the guest's veth away."""
        host.namespace.run(["ip", "link", "del", guest.device_on_host])

    # ------------------------------------------------------------ using

    def start(self) -> None:
        """Starts every host's data plane and agent."""
        for host in self.hosts.values():
            host.start_dataplane()
        for host in self.hosts.values():
            host.start_agent()

    def apply_examples(self) -> None:
        """Pushes the example goal state of every host and waits until its ports are attached."""
        for number, host in self.hosts.items():
            goal_state = GoalState.example(number)
            host.push(goal_state)
            for port in goal_state.states("port"):
                host.wait_for_port(port)

    def capture(self, host_number: int = 1) -> Capture:
        """Captures the underlay at the switch's port to a host: what the host sent and was sent."""
        self._captures += 1
        return Capture(self.underlay, f"h{host_number}", self.directory / f"underlay-{self._captures}.pcap")

    def send_from_wire(self, host_number: int, frames: list[bytes]) -> None:
        """Sends raw frames to a host as if they came over the underlay."""
        self._captures += 1
        send_frames(self.underlay, f"h{host_number}", frames, self.directory / f"frames-{self._captures}")

    def uplink_mac(self, host_number: int) -> str:
        """The MAC address of a host's uplink."""
        return self.hosts[host_number].namespace.run(["cat", f"/sys/class/net/{UPLINK}/address"]).stdout.strip()

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(host.logs() for host in self.hosts.values())

    # ------------------------------------------------------------ the end

    def keep(self) -> None:
        """Makes close() leave everything as it is; stop_kept() removes it then."""
        self._kept = True

    def close(self) -> None:
        """Ends the processes, removes namespaces and files. A second Ctrl-C doesn't interrupt it."""
        if self._kept:
            return
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for namespace in reversed(self._namespaces):
                namespace.stop_processes()
            for namespace in reversed(self._namespaces):
                namespace.delete()
            shutil.rmtree(self.directory, ignore_errors=True)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def two_hosts(*, start: bool = True, plugged: bool = True) -> Iterator[Lab]:
    """The lab of the example goal states: two hosts, a green and a red guest on each.

    start: run the data planes and agents; plugged: connect the guests to the hosts.
    """
    lab = Lab()
    try:
        for number in (1, 2):
            host = lab.add_host(number)
            lab.add_guest(host, f"green-{number}", f"02:00:00:00:01:1{number}", f"10.1.0.1{number}",
                          address_v6=f"fd00:10:1::ff:fe00:11{number}", plugged=plugged)
            lab.add_guest(host, f"red-{number}", f"02:00:00:00:02:1{number}", f"10.2.0.1{number}",
                          address_v6=f"fd00:10:2::1{number}", plugged=plugged)
        if start:
            lab.start()
        yield lab
    finally:
        lab.close()


def stop_kept(name: str) -> None:
    """Removes a lab that was left running on purpose, by its name. Raises LabError if there is none."""
    namespaces = namespaces_of(name)
    directories = list(Path(tempfile.gettempdir()).glob(f"{name}-*")) if namespaces else []
    if not namespaces:
        raise LabError(f"there is no lab {name}")
    for namespace in namespaces:
        end_processes_in(namespace)
    for namespace in namespaces:
        run(["ip", "netns", "del", namespace], check=False)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
