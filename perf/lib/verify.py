"""Whether the packets that come out are the right ones, bit by bit."""

from __future__ import annotations

import dataclasses
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

from lab.namespace import Namespace
from lab.shell import LabError, wait_until

from .captures import read_capture
from .frames import ETHERNET, PORTS_PER_ROW, FIRST_PORT, VXLAN_PORT, add_up, mac_bytes
from .scenario import PEER_MAC, PEER_VTEP, UPLINK, VTEP, Scenario
from .subject import Subject

SAMPLE = 200
_OUTER = ETHERNET + 20 + 8 + 8
_MOST_FRAMES = 200_000


def inner_of(frame: bytes) -> tuple[int, bytes]:
    """VNI and inner frame of a VXLAN frame to the peer. Raises LabError if the outer headers are wrong."""
    address = bytes(map(int, VTEP.split("."))) + bytes(map(int, PEER_VTEP.split(".")))
    length = len(frame) - ETHERNET
    faults = [what for what, is_right in {
        "destination MAC": frame[:6] == mac_bytes(PEER_MAC),
        "EtherType": frame[12:14] == b"\x08\x00",
        "IPv4 version and length": frame[14] == 0x45 and struct.unpack("!H", frame[16:18])[0] == length,
        "IPv4 checksum": add_up(frame[14:34]) == 0xFFFF,
        "protocol": frame[23] == 17,
        "VTEPs": frame[26:34] == address,
        "UDP port": struct.unpack("!H", frame[36:38])[0] == VXLAN_PORT,
        "UDP length": struct.unpack("!H", frame[38:40])[0] == length - 20,
        "VXLAN header": frame[42:46] == b"\x08\0\0\0" and frame[49] == 0,
    }.items() if not is_right]
    if faults:
        raise LabError(f"a packet left with a wrong {', '.join(faults)}: {frame.hex()}")
    return int.from_bytes(frame[46:49], "big"), frame[_OUTER:]


def flow_of(inner: bytes) -> int:
    """The number of the flow that a frame belongs to."""
    at = ETHERNET + (40 if inner[12:14] == b"\x86\xdd" else 20)
    source, destination = struct.unpack("!HH", inner[at:at + 4])
    return (destination - FIRST_PORT) * PORTS_PER_ROW + source - FIRST_PORT


def compare_sample(namespace: Namespace, directory: Path, scenario: Scenario,
                   kind: Callable[..., Subject] = Subject) -> int:
    """Sends a sample of the flows of the first source, compares every packet, returns how many flows there were.

    kind: makes the data plane with its guests, from what Subject is made from. Raises LabError if a packet is wrong or a flow has none.
    """
    line = scenario.line
    sampled = Scenario(dataclasses.replace(line, workers=1, two_guests=False))
    sample = sampled.sources[0].flows[:SAMPLE]
    random.Random(line.flows).shuffle(sample)
    for source in sampled.sources:
        source.flows[:] = sample
    subject = kind(namespace, directory, sampled, capture=True)
    sink = sampled.sinks[0]
    try:
        subject.start()
        wait_until(lambda: subject.counters().sent >= 2 * SAMPLE, "packets come out")
        time.sleep(0.1)
    finally:
        subject.stop()
    seen: set[int] = set()
    # The loop repeats them.
    for frame in set(read_capture(subject.output(sink), _MOST_FRAMES)):
        vni, inner = inner_of(frame) if sink == UPLINK else (scenario.vni_out, frame)
        if inner[0] & 1:
            continue  # announcements of the port
        flow = flow_of(inner)
        if flow not in sample or vni != scenario.vni_out or inner != sampled.expected_inner(flow):
            raise LabError(f"a packet left in VNI {vni} as {inner.hex()}" + (
                f", expected was {sampled.expected_inner(flow).hex()}" if flow in sample else ", of no flow"))
        seen.add(flow)
    if len(seen) < len(sample):
        raise LabError(f"no packet of {len(sample) - len(seen)} of {len(sample)} flows came out")
    return len(seen)
