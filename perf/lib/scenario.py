"""The lines of the table: which packets go in where, which goal state they meet, what must come out."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.goal_state import GoalState

from .captures import write_capture
from .frames import Station, Tunnel, flow_ports, udp_frame, udp_frames
from .rules import random_rules

DIRECTIONS = {
    "bridge": "guest to wire, within a subnet",
    "encap": "guest to wire, routed to another subnet",
    "decap": "wire to guest",
    "local": "guest to guest on one host, within a subnet",
    "both": "guest to wire within a subnet, and at the same time the same flows' answers from the wire",
}
UPLINK = "uplink"
GUEST = "green-1"       # the guest under test
OTHER_GUEST = "red-1"   # its neighbor on the same host for "local", and a second source for several workers
VTEP = "10.0.0.1"
PEER_VTEP = "10.0.0.2"
OTHER_VTEP = "10.0.0.3"  # where neighbors move to
PEER_MAC = "02:00:00:00:00:b2"
# What the driver of capture files gives its first device; a device "null:" has none.
PCAP_MAC = "02:70:63:61:70:00"
DVR_MAC = "fe:16:11:00:00:01"
VNI_OF = {"green": 1001, "red": 1002}
SEED = 1


@dataclass(frozen=True)
class Line:
    """One line: what is measured."""

    direction: str
    flows: int
    rules: int = 0
    family: int = 4
    workers: int = 1
    policy: bool = True
    two_guests: bool = False  # share the flows that a guest sends, whatever the number of workers

    def __str__(self) -> str:
        return (f"{self.direction}, {self.flows:,} flows, IPv{self.family}, "
                f"{f'{self.rules:,} rules' if self.policy and self.rules else 'no security groups'}, "
                f"{self.workers} worker{'s' if self.workers > 1 else ''}")


@dataclass
class Source:
    """What a port sends, for ever: flows in shuffled order."""

    port: str
    frames: Callable[[Iterable[int]], Iterator[bytes]]
    flows: list[int] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Writes its capture file."""
        write_capture(path, self.frames(self.flows))


class Scenario:
    """Sources, sink and goal state of a line."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._example = GoalState.example(1)
        self.sources = self._sources()
        self.sinks = {"decap": [GUEST], "local": [OTHER_GUEST], "both": [UPLINK, GUEST]}.get(line.direction, [UPLINK])

    # ------------------------------------------------------------ stations

    def _station(self, kind: str, key: str) -> Station:
        configuration = self._example.configuration(kind, key)
        ip = configuration["fixed_ips"][0 if self.line.family == 4 else 1]["ip_address"]
        return Station(configuration["mac_address"], ip)

    @property
    def guest(self) -> Station:
        """The guest under test."""
        return self._station("port", GUEST)

    @property
    def other_guest(self) -> Station:
        """The other guest on this host. For "local" it is in the first one's subnet."""
        if self.line.direction == "local":
            return Station("02:00:00:00:01:13", "10.1.0.13" if self.line.family == 4 else "fd00:10:1::13")
        return self._station("port", OTHER_GUEST)

    def remote(self, subnet: str) -> Station:
        """The station of a subnet on the other host."""
        return self._station("neighbor", f"L2/{subnet}-2")

    @staticmethod
    def gateway_mac(subnet: str) -> str:
        """The MAC of a subnet's gateway."""
        return {"green": "02:00:00:00:01:01", "red": "02:00:00:00:02:01"}[subnet]

    # ------------------------------------------------------------ packets in

    def tunnel(self, destination_mac: str = PCAP_MAC) -> Tunnel:
        """What packets from the wire come in."""
        return Tunnel(PEER_MAC, destination_mac, PEER_VTEP, VTEP, VNI_OF["green"])

    def frames_from_wire(self, flows: Iterable[int], destination_mac: str = PCAP_MAC) -> Iterator[bytes]:
        """Tunneled frames to the guest: of "both" the answers, else the flows themselves."""
        for_inner, for_outer = itertools.tee(flows)
        inner = udp_frames(self.remote("green"), self.guest, self.guest.mac, for_inner,
                           reply=self.line.direction == "both")
        return self.tunnel(destination_mac).wrap(inner, for_outer)

    def frames_from_guest(self, flows: Iterable[int]) -> Iterator[bytes]:
        """What the guest under test sends."""
        if self.line.direction == "encap":
            return udp_frames(self.guest, self.remote("red"), self.gateway_mac("green"), flows)
        to = self.other_guest if self.line.direction == "local" else self.remote("green")
        return udp_frames(self.guest, to, to.mac, flows)

    def _frames_from_other_guest(self, flows: Iterable[int]) -> Iterator[bytes]:
        if self.line.direction == "encap":
            return udp_frames(self.other_guest, self.remote("green"), self.gateway_mac("red"), flows)
        return udp_frames(self.other_guest, self.remote("red"), self.remote("red").mac, flows)

    def _sources(self) -> list[Source]:
        """Ports that send. With several workers two guests share the flows, one for each worker."""
        flows = list(range(self.line.flows))
        random.Random(SEED).shuffle(flows)
        if self.line.direction == "decap":
            return [Source(UPLINK, self.frames_from_wire, flows)]
        if self.line.direction == "both":
            again = flows[:]
            random.Random(SEED + 1).shuffle(again)
            return [Source(GUEST, self.frames_from_guest, flows), Source(UPLINK, self.frames_from_wire, again)]
        if (self.line.two_guests or self.line.workers > 1) and self.line.direction in ("bridge", "encap"):
            half = len(flows) // 2
            return [Source(GUEST, self.frames_from_guest, flows[:half]),
                    Source(OTHER_GUEST, self._frames_from_other_guest, flows[half:])]
        return [Source(GUEST, self.frames_from_guest, flows)]

    # ------------------------------------------------------------ packets out

    def expected_inner(self, flow: int) -> bytes:
        """The inner frame (or the frame, if it stays on the host) as it must leave the first sink."""
        direction = self.line.direction
        if direction == "decap":
            return udp_frame(self.remote("green"), self.guest, self.guest.mac, flow)
        if direction == "local":
            return udp_frame(self.guest, self.other_guest, self.other_guest.mac, flow)
        if direction == "encap":
            to = self.remote("red")
            return udp_frame(self.guest, to, to.mac, flow, hops=63, source_mac=DVR_MAC)
        to = self.remote("green")
        return udp_frame(self.guest, to, to.mac, flow)

    @property
    def vni_out(self) -> int:
        """The VNI of what the guest under test sends to the wire."""
        return VNI_OF["red" if self.line.direction == "encap" else "green"]

    # ------------------------------------------------------------ goal state

    def _prepare_ports(self, state: GoalState, wanted: set[str]) -> None:
        """Leaves the wanted ports, with their groups."""
        if self.line.direction == "local":
            other = state.configuration("port", OTHER_GUEST)
            other["mac_address"] = self.other_guest.mac
            other["fixed_ips"] = [{"subnet_id": "green" if self.line.family == 4 else "green-v6",
                                   "ip_address": self.other_guest.ip}]
        state.content["dhcp_states"] = {}
        for key in list(state.states("port")):
            if key not in wanted:
                del state.states("port")[key]
            elif self.line.policy and self.line.rules > 0:
                state.configuration("port", key)["security_group_ids"] = [{"id": f"group-of-{key}"}]

    def group(self, port: str) -> dict[str, Any]:
        """The security group of a port: as many rules as asked for in every direction that its packets take."""
        direction = self.line.direction
        egress = port == GUEST and direction != "decap" or port == OTHER_GUEST and direction != "local"
        peers = {"encap": {GUEST: "red", OTHER_GUEST: "green"}}.get(direction, {OTHER_GUEST: "red"})
        if direction == "local":
            remote = self.other_guest.ip if egress else self.guest.ip
        else:
            remote = self.remote(peers.get(port, "green")).ip
        last_port = flow_ports(self.line.flows - 1)[1]
        return {"id": f"group-of-{port}", "name": port, "update_type": "FULL", "vpc_id": "demo",
                "security_group_rules": random_rules(f"group-of-{port}", self.line.rules, egress=egress, remote=remote,
                                                     ports=(1024, last_port))}

    def goal_state(self, ports: Iterable[str]) -> GoalState:
        """The example network with some of this host's ports."""
        wanted = set(ports)
        state = self._example.copy()
        state.content.pop("host_resources")
        state.configuration("subnet", "green")["cidr"] = "10.1.0.0/16"
        self._prepare_ports(state, wanted)
        if self.line.policy and self.line.rules > 0:
            state.content["security_group_states"] = {
                f"group-of-{port}": {"operation_type": "INFO", "configuration": self.group(port)} for port in wanted}
        return state
