"""Captures of the underlay, and what tshark's dissectors make of them."""

from __future__ import annotations

import re
import time
from pathlib import Path
from types import TracebackType

from .namespace import Namespace
from .process import Process
from .shell import LabError, run

VXLAN = "vxlan"
# A computed TCP checksum of 0x0000 may be written as 0xffff, which is the same number in ones' complement: Linux does
# so when it completes a checksum in software (CSUM_MANGLED_0), and tshark takes it for wrong.
BAD_CHECKSUM = ("ip.checksum.status == 0 || udp.checksum.status == 0 || "
                "(tcp.checksum.status == 0 && !(tcp.checksum == 0xffff && tcp.checksum_calculated == 0))")


class Capture:
    """tcpdump on a device for the time of a "with" block; every frame, nothing filtered away."""

    def __init__(self, namespace: Namespace, device: str, file: Path) -> None:
        self._namespace = namespace
        self._device = device
        self._tcpdump: Process | None = None
        self.file = file

    def __enter__(self) -> Capture:
        # Root keeps its rights (-Z) so that it can write into the lab's own directory.
        self._tcpdump = Process("tcpdump", self._namespace, [
            "tcpdump", "-n", "-i", self._device, "-s", "0", "-B", "131072", "--immediate-mode", "-U", "-Z", "root",
            "-w", self.file], self.file.with_suffix(".log"))
        self._tcpdump.wait_for_log("listening on")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        assert self._tcpdump is not None
        # Frames that were sent are in the kernel's buffer; tcpdump needs a moment to write them.
        time.sleep(0.5)
        self._tcpdump.stop()
        lost = re.search(r"(\d+) packets dropped by kernel", self._tcpdump.log)
        if kind is None and (lost is None or int(lost[1]) != 0):
            raise LabError(f"the capture is not complete\n{self._tcpdump.log_tail()}")

    def frames(self, display_filter: str = "", *fields: str) -> list[list[str]]:
        """The fields (default: the frame's number) of the frames that tshark's filter takes."""
        chosen = [argument for name in fields or ("frame.number",) for argument in ("-e", name)]
        output = run(["tshark", "-n", "-r", self.file, "-d", "udp.port==4789,vxlan",
                      "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
                      *(["-Y", display_filter] if display_filter else []),
                      "-T", "fields", "-E", "separator=\t", "-E", "occurrence=a", *chosen], timeout=120).stdout
        return [line.split("\t") for line in output.splitlines()]

    def count(self, display_filter: str = "") -> int:
        """How many frames tshark's filter takes."""
        return len(self.frames(display_filter))
