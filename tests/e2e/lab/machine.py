"""Virtual machines: Linux under QEMU whose network card is a vhost-user socket of a host's data plane."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path
from typing import Any

from .guest import PingResult
from .guest_kernel import guest_kernel
from .host import Host
from .process import Process
from .shell import LabError, wait_until

# Booting takes seconds on an idle machine; there may be others who compute.
_BOOT_SECONDS = 180


class Machine:
    """A machine named like its port. There is no acceleration in it, so that it runs everywhere."""

    def __init__(self, host: Host, port: str, mac: str, address: str, vhost_socket: Path, *,
                 is_server: bool = True, queues: int = 1) -> None:
        self.host = host
        self.queues = queues  # pairs of the network card; and processors
        self.port = port
        self.mac = mac
        self.address = address
        self.vhost_socket = vhost_socket
        # The side that listens: QEMU, or the data plane to which QEMU connects again and again.
        self.side = "server=on,wait=off" if is_server else "server=off,reconnect=1"
        self._directory = host.run_directory
        self._console: socket.socket | None = None
        self._output = b""
        self._commands = 0
        self._starts = 0
        self.process: Process | None = None
        self._monitor = self._directory / f"monitor-{port}"

    def start(self, *, incoming: Path | None = None) -> None:
        """Starts QEMU; wait_for_boot() waits for the machine. incoming: it waits there for a machine that moves in."""
        kernel, initrd = guest_kernel()
        self._starts += 1
        self._commands = 0
        self._output = b""
        console = self._directory / f"console-{self.port}-{self._starts}"
        multi_queue = ",mq=on" if self.queues > 1 else ""
        self.process = Process(f"machine {self.port}", self.host.namespace, [
            "qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64", "-machine", "q35", "-m", "128", "-nodefaults",
            "-nographic", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
            "-append", "console=ttyS0 quiet loglevel=1 panic=-1 tsc=reliable",
            "-object", "memory-backend-memfd,id=memory,size=128M,share=on", "-numa", "node,memdev=memory",
            "-smp", str(self.queues),
            "-chardev", f"socket,id=console,path={console},server=on,wait=off,logfile={console}.log",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=vhost,path={self.vhost_socket},{self.side}",
            "-netdev", f"vhost-user,id=net,chardev=vhost,queues={self.queues}",
            # vectors=0: this QEMU crashes with MSI-X under vhost-user without acceleration.
            "-device", f"virtio-net-pci,netdev=net,mac={self.mac},romfile=,vectors=0{multi_queue}",
            "-qmp", f"unix:{self._monitor},server=on,wait=off", *(["-incoming", f"unix:{incoming}"] if incoming else [])],
            self._directory / f"machine-{self.port}.log")

        def connected() -> bool:
            assert self.process is not None
            self.process.require_running()
            console_socket = socket.socket(socket.AF_UNIX)
            try:
                console_socket.connect(str(console))
            except OSError:
                console_socket.close()
                return False
            self._console = console_socket
            return True

        wait_until(connected, f"{self.port} has a console", timeout=30)

    def wait_for_boot(self) -> None:
        """Waits until the machine takes commands."""
        self._read_until_end(0, _BOOT_SECONDS)

    def _read_until_end(self, number: int, timeout: float) -> tuple[int, str]:
        assert self._console is not None and self.process is not None
        deadline = time.monotonic() + timeout
        while not (match := re.search(rb"\nend %d (\d+)\r?\n" % number, self._output)):
            self.process.require_running()
            if time.monotonic() > deadline:
                raise LabError(f"machine {self.port}: no end after {timeout:g} s; "
                               f"it said {self._output[-2000:]!r}\n{self.process.log_tail()}")
            self._console.settimeout(1)
            try:
                self._output += self._console.recv(65536)
            except TimeoutError:
                pass
        output = self._output[:match.start()].decode(errors="replace")
        self._output = self._output[match.end():]
        return int(match[1]), output.replace("\r", "").strip("\n")

    def run(self, command: str, *, check: bool = True, timeout: float = 60) -> str:
        """Runs a shell command (one line) in the machine and returns what it wrote."""
        assert self._console is not None
        self._commands += 1
        self._console.sendall(f"{self._commands} {command}\n".encode())
        code, output = self._read_until_end(self._commands, timeout)
        if check and code != 0:
            raise LabError(f"{command} in {self.port} ended with code {code}\n{output}")
        return output

    def lease(self) -> dict[str, str]:
        """Gets an address by DHCP, configures eth0 with it and returns what the server said."""
        self.run("rm -f /tmp/lease; LEASE_FILE=/tmp/lease udhcpc -i eth0 -f -n -q -t 10 -T 2 -O mtu -s /etc/apply-lease")
        lines = self.run("cat /tmp/lease").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def enable_ipv6(self, address: str) -> None:
        """Switches IPv6 on and waits until eth0 has `address`, as advertised, and duplicate detection is through."""
        self.run("echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        wait_until(lambda: any(f" {address}/" in line and "tentative" not in line
                               for line in self.run("ip -6 addr show dev eth0").splitlines()),
                   f"{self.port} has {address}", timeout=20, interval=0.3)

    def ping(self, destination: str, count: int = 3, size: int = 56) -> PingResult:
        """Pings; never raises for lost packets."""
        output = self.run(f"ping -c {count} -W 3 -s {size} {destination}", check=False, timeout=count * 4 + 30)
        counts = re.search(r"(\d+) packets transmitted, (\d+) (?:packets )?received", output)
        ttl = re.search(r"ttl=(\d+)", output)
        return PingResult(int(counts[1]) if counts else 0, int(counts[2]) if counts else 0,
                          int(ttl[1]) if ttl else None, output)

    def _ask_qemu(self, command: str, **arguments: Any) -> Any:
        """What QEMU's monitor (QMP) returns."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(60)
            channel.connect(str(self._monitor))
            with channel.makefile("rw") as lines:
                for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                    lines.write(json.dumps(request) + "\n")
                    lines.flush()
                    # Events and a greeting come in between.
                    while not (answer := json.loads(lines.readline())).keys() & {"return", "error"}:
                        pass
        if "error" in answer:
            raise LabError(f"QEMU of {self.port} refuses {command}: {answer['error']['desc']}")
        return answer["return"]

    # ------------------------------------------------------------ live migration

    def start_move(self, host: Host, vhost_socket: Path, *, is_server: bool, bytes_per_second: int) -> Machine:
        """Starts live migration to a QEMU on another host; returns the machine that it will be there."""
        moved = Machine(host, self.port, self.mac, self.address, vhost_socket, is_server=is_server, queues=self.queues)
        channel = host.run_directory / f"incoming-{self.port}"
        moved.start(incoming=channel)
        wait_until(channel.exists, f"{self.port} is awaited", timeout=60)
        self.limit_move(bytes_per_second)
        self._ask_qemu("migrate", uri=f"unix:{channel}")
        return moved

    def limit_move(self, bytes_per_second: int, *, off_for_milliseconds: int = 1) -> None:
        """Sets how fast its memory moves. It goes on until what is left takes no longer than the machine may be off."""
        self._ask_qemu("migrate-set-parameters",
                       **{"max-bandwidth": bytes_per_second, "downtime-limit": off_for_milliseconds})

    def bytes_to_move(self) -> int:
        """How much of its memory is still to be sent. Raises LabError if it doesn't move, or not any more."""
        progress = self._ask_qemu("query-migrate")
        if progress["status"] != "active" or progress["ram"]["dirty-sync-count"] > 1:
            raise LabError(f"{self.port} has sent each page, or doesn't move: {progress}")
        return int(progress["ram"]["remaining"])

    def finish_move(self, moved: Machine) -> None:
        """Lets the rest of its memory move, and returns when the machine runs at its new place."""
        self.limit_move(1 << 30, off_for_milliseconds=300)

        def ended() -> str | None:
            status = self._ask_qemu("query-migrate")["status"]
            return status if status in ("completed", "failed", "cancelled") else None

        if wait_until(ended, f"{self.port} has moved", timeout=120) != "completed":
            raise LabError(f"{self.port} could not move: {self._ask_qemu('query-migrate')}")
        moved._commands = self._commands

    def stop(self) -> None:
        """Switches the machine off."""
        if self._console is not None:
            self._console.close()
            self._console = None
        if self.process is not None:
            self.process.stop()
