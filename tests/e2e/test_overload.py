"""More packets than the data plane can take."""

from __future__ import annotations

import signal

from lab import Lab, wait_until
from lab.frames import green_udp

FRAMES = 6000


def test_what_the_kernel_could_not_hand_over_is_counted(leased: Lab) -> None:
    """While the data plane stands still, its ring from the kernel fills; every frame is accounted for."""
    host, guest = leased.hosts[1], leased.guests["green-1"]

    def received() -> int:
        return int(host.console.ports()["green-1"]["rx_packets"])

    def missed() -> int:
        return host.console.drops("green-1")["ingress_queue_full"]

    received_before, missed_before = received(), missed()
    frame = bytes(green_udp())
    host.dataplane.signal(signal.SIGSTOP)
    try:
        guest.send_frames([frame] * FRAMES)
    finally:
        host.dataplane.signal(signal.SIGCONT)
    wait_until(lambda: received() - received_before + missed() - missed_before >= FRAMES,
               "every frame is counted, as received or as missed")
    assert missed() > missed_before
    assert received() > received_before
    assert received() - received_before + missed() - missed_before <= FRAMES + 20, "counted once each"
    assert guest.ping("10.1.0.12").received == 3
