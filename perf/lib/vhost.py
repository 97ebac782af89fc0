"""Guests by vhost-user: DPDK's testpmd drives their virtio cards (virtio-user), as a virtual machine's kernel would."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from lab.goal_state import GoalState
from lab.namespace import Namespace
from lab.process import Process
from lab.shell import LabError, wait_until

from . import machine
from .ovs import OpenVSwitch
from .scenario import GUEST, Scenario
from .subject import Subject
from .testpmd import BUFFERS, PROGRAM, memory_of_buffers, prompted

RING = 256              # descriptors, as QEMU has them unless it is told otherwise
_CARDS_PER_PROGRAM = 28  # DPDK has room for 32 devices
_MIB_PER_PROGRAM = 128
# What a driver does, as DPDK has it (rte_ethdev.h, RTE_ETH_RX_OFFLOAD_): UDP and TCP checksums, LRO, SCATTER.
_CHECKSUMS, _LARGE, _CHAINS = 0xC, 0x10, 0x2000


def memory_of(flows: int, idle_guests: int) -> int:
    """What the guests need of hugepages, in MiB."""
    programs = 1 + -(-idle_guests // _CARDS_PER_PROGRAM)
    return programs * (_MIB_PER_PROGRAM + memory_of_buffers(BUFFERS)) + memory_of_buffers(flows)


def _cards(sockets: Sequence[Path]) -> list[str]:
    return [word for number, path in enumerate(sockets)
            for word in ("--vdev", f"net_virtio_user{number},path={path},queue_size={RING},mrg_rxbuf=1")]


def _testpmd(devices: Sequence[str], buffers: int, mode: str = "io") -> list[str]:
    # Its memory is shared with who serves its cards, by as few files as can be.
    return [PROGRAM, "--no-pci", "--no-telemetry", "--in-memory", "--single-file-segments", "--lcores",
            f"0@{machine.CONTROL_CPU},1@{machine.CONTROL_CPU}", *devices, "--", f"--total-num-mbufs={buffers}",
            f"--forward-mode={mode}", f"--rxd={RING}", f"--txd={RING}"]


class _GuestProgram:
    """The guest under test."""

    def __init__(self, namespace: Namespace, directory: Path, words: Sequence[str]) -> None:
        self._namespace = namespace
        self._process = Process("the guest", namespace, [*words, "--stats-period=3600"], directory / "guest.log")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Stops it where it is, or lets it go on."""
        self._process.signal(number)

    def stop(self) -> None:
        """Ends it."""
        self._process.stop()
        self._namespace.processes.remove(self._process)


class Guest(_GuestProgram):
    """Sends a capture file for ever."""

    def __init__(self, namespace: Namespace, directory: Path, socket: Path, loop: Path, packets: int) -> None:
        """loop: the capture file, of `packets` packets."""
        devices = [*_cards([socket]), "--vdev", f"net_pcap0,rx_pcap={loop},infinite_rx=1"]
        super().__init__(namespace, directory, _testpmd(devices, packets + BUFFERS))


class Receiver(_GuestProgram):
    """Takes what comes, and forgets it."""

    def __init__(self, namespace: Namespace, directory: Path, socket: Path, *, takes_large: bool) -> None:
        """takes_large: its driver agrees to large TCP packets."""
        offloads = _CHAINS | (_CHECKSUMS | _LARGE if takes_large else 0)
        super().__init__(namespace, directory, [*_testpmd(_cards([socket]), BUFFERS, "rxonly"), f"--rx-offloads={offloads:#x}",
                                                "--record-core-cycles"])

    def busy_cycles(self) -> int:
        """TSC cycles that it had packets to take in; once it was stopped."""
        found = re.search(r"(?:busy|total) cycles=(\d+)", self._process.log)
        if found is None:
            raise LabError(f"the guest doesn't say how busy it was\n{self._process.log_tail()}")
        return int(found[1])


class _HasGuest:
    """Stops and lets go on a guest together with what serves it: the next class in line."""

    _guest: _GuestProgram | None = None

    def pause(self) -> None:
        """Stops both where they are, so that the cores are free."""
        super().pause()  # type: ignore[misc]
        if self._guest is not None:
            self._guest.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets both go on."""
        super().resume()  # type: ignore[misc]
        if self._guest is not None:
            self._guest.signal(signal.SIGCONT)


class IdleGuests:
    """Guests with rings that are ready, and nothing in them."""

    def __init__(self, namespace: Namespace, directory: Path, sockets: Sequence[Path]) -> None:
        self._namespace = namespace
        self._processes: list[Process] = []
        for number, first in enumerate(range(0, len(sockets), _CARDS_PER_PROGRAM)):
            # It forwards nothing before it is told to, and its input never ends.
            nobody = directory / f"idle-{number}.input"
            os.mkfifo(nobody)
            words = _testpmd(_cards(sockets[first:first + _CARDS_PER_PROGRAM]), BUFFERS)
            self._processes.append(Process(f"idle guests {number}", namespace, prompted(nobody, words),
                                           directory / f"idle-{number}.log"))

    def stop(self) -> None:
        """Ends them."""
        for process in self._processes:
            process.stop()
            self._namespace.processes.remove(process)


class VhostSubject(_HasGuest, Subject):
    """The data plane with guests by vhost-user in place of capture files."""

    def __init__(self, namespace: Namespace, directory: Path, scenario: Scenario, *, capture: bool = False,
                 idle_guests: int = 0) -> None:
        super().__init__(namespace, directory, scenario, capture=capture)
        self._idle = [f"idle-{number}" for number in range(idle_guests)]
        self._idle_guests: IdleGuests | None = None

    def _socket(self, port: str) -> Path:
        return self.directory / f"{port}.sock"

    def start(self) -> None:
        """Starts everything and returns when packets flow."""
        source = self.scenario.sources[0]
        source.write(self._input(GUEST))
        self._start_dataplane(False)
        self._start_sockets()
        if self._idle:
            self._idle_guests = IdleGuests(self._namespace, self.directory, [self._socket(port) for port in self._idle])
        self._guest = Guest(self._namespace, self.directory, self._socket(GUEST), self._input(GUEST), len(source.flows))
        self._wait_for_guests()

    def _start_sockets(self) -> None:
        self.start_agent(f"vhost-user-server:{self.directory}/{{port_id}}.sock")
        self.push(self._goal_state())
        wait_until(lambda: all(self._socket(port).exists() for port in [GUEST, *self._idle]), "there are sockets",
                   timeout=60)

    def _wait_for_guests(self) -> None:
        wait_until(self._all_up, "guests drive their cards", timeout=120, interval=0.5)

    def _all_up(self) -> bool:
        ports = self.console.ports()
        return all(ports[port]["state"] == "up" for port in [GUEST, *self._idle])

    def _goal_state(self) -> GoalState:
        state = self.scenario.goal_state([GUEST])
        for number, port in enumerate(self._idle):
            high, low = divmod(number + 256, 256)
            state.copy_resource("port", GUEST, port, id=port, name=port, device_id=port,
                                mac_address=f"02:00:00:01:{high:02x}:{low:02x}",
                                fixed_ips=[{"subnet_id": "green", "ip_address": f"10.1.{high}.{low}"}])
        return state

    def stop(self) -> None:
        """Ends everything."""
        for guests in (self._guest, self._idle_guests):
            if guests is not None:
                guests.stop()
        self._guest = self._idle_guests = None
        super().stop()


class VhostPeer(_HasGuest, OpenVSwitch):
    """Open vSwitch with the same guest."""

    def _add_guest(self, device: str) -> None:
        # It makes the socket, as our data plane does; Open vSwitch names it as the port, in its run directory.
        self._add_device("br-int", "guest", "type=dpdkvhostuser")

    def _choose_setting(self) -> None:
        source = self._scenario.sources[0]
        self._guest = Guest(self._namespace, self._directory, self._directory / "guest", self._directory / "in.pcap",
                            len(source.flows))
        before = self.sent()
        wait_until(lambda: self.sent() > before + 10 * len(source.flows), "Open vSwitch forwards", timeout=60)
        super()._choose_setting()

    def timed_sample(self, seconds: float) -> tuple[float, float]:
        """Cycles per packet as sample() counts them, and packets sent per second."""
        before, began = self.sent(), time.monotonic()
        cycles = self.sample(seconds)
        after, ended = self.sent(), time.monotonic()
        return cycles, (after - before) / (ended - began)

    def stop(self) -> None:
        """Ends everything."""
        # A guest takes leave of whoever serves its rings, and waits for the answer.
        self.resume()
        if self._guest is not None:
            self._guest.stop()
            self._guest = None
        super().stop()
