"""A guest machine: a namespace whose eth0 is one end of a veth; the host's end is tap<port id>."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .namespace import Namespace
from .process import Process
from .programs import PYTHON, TOOLS
from .shell import LabError, run, wait_until


@dataclass(frozen=True)
class PingResult:
    """What ping counted."""

    sent: int
    received: int
    ttl: int | None
    output: str


class Guest:
    """A guest named like its port."""

    def __init__(self, port: str, namespace: Namespace, mac: str, address: str, directory: Path, *,
                 address_v6: str = "") -> None:
        self.port = port
        self.namespace = namespace
        self.mac = mac
        self.address = address
        self.address_v6 = address_v6
        self.directory = directory
        self._files = 0

    @property
    def device_on_host(self) -> str:
        """The name of the host's end: "tap" and the port id, cut to 14 characters."""
        return f"tap{self.port}"[:14]

    def file(self, name: str) -> Path:
        """A new file of this guest in the lab's directory."""
        self._files += 1
        return self.directory / f"{self.port}-{self._files}-{name}"

    def run(self, words: Sequence[str | Path], **options):  # type: ignore[no-untyped-def]
        """Runs a command in the guest."""
        return self.namespace.run(words, **options)

    def start(self, words: Sequence[str | Path], name: str) -> Process:
        """Starts a command in the guest that goes on by itself."""
        return Process(f"{name} in {self.port}", self.namespace, words, self.file(f"{name}.log"))

    # ------------------------------------------------------------ addresses

    def lease_command(self) -> list[str]:
        """udhcpc, asking for what it asks by default and for the MTU."""
        return ["udhcpc", "-i", "eth0", "-f", "-n", "-q", "-t", "4", "-T", "1", "-O", "mtu",
                "-s", str(TOOLS / "apply-lease")]

    def lease(self, *options: str, attempts: int = 4) -> dict[str, str]:
        """Gets an address by DHCP, configures eth0 with it and returns what the server said.

        Options: more of udhcpc's, such as "-O", "ntpsrv".
        """
        lease_file = self.file("lease")
        command = [*self.lease_command(), *options]
        command[command.index("-t") + 1] = str(attempts)
        finished = run(self.namespace.command(command), check=False, timeout=attempts + 10,
                       environment={"LEASE_FILE": str(lease_file)})
        if finished.returncode != 0 or not lease_file.exists():
            raise LabError(f"{self.port} got no lease\n{finished.stdout}{finished.stderr}")
        return dict(line.split("=", 1) for line in lease_file.read_text().splitlines() if "=" in line)

    def configure(self, gateway: str, mtu: int = 1450) -> None:
        """Gives eth0 its address by hand, where DHCP is not the point."""
        self.run(["ip", "addr", "replace", f"{self.address}/24", "dev", "eth0"])
        self.run(["ip", "link", "set", "eth0", "mtu", str(mtu)])
        self.run(["ip", "route", "replace", "default", "via", gateway, "dev", "eth0"])

    def enable_ipv6(self, *, accept_advertisements: bool) -> None:
        """Switches IPv6 on: eth0 gets its link-local address, and others if advertisements are accepted."""
        advertisements = 1 if accept_advertisements else 0
        for scope in ("all", "default", "eth0"):
            self.namespace.set_kernel(f"net/ipv6/conf/{scope}/accept_ra", advertisements)
            self.namespace.set_kernel(f"net/ipv6/conf/{scope}/disable_ipv6", 0)

    def wait_for_address_v6(self, timeout: float = 10) -> None:
        """Waits until eth0 has the guest's IPv6 address and duplicate address detection is through."""
        def has_it() -> bool:
            listing = json.loads(self.run(["ip", "-json", "-6", "addr", "show", "dev", "eth0"]).stdout)
            return any(ipaddress.ip_address(entry["local"]) == ipaddress.ip_address(self.address_v6)
                       and not entry.get("tentative") for link in listing for entry in link.get("addr_info", []))
        wait_until(has_it, f"{self.port} to have {self.address_v6}", timeout=timeout)

    def lease_v6(self, *options: str, timeout: float = 20) -> dict[str, str]:
        """Gets an address by DHCPv6, configures eth0 with it and returns what the server said.

        The client, dhclient -6, goes on running and renews. Options: "-S" asks for information only.
        """
        lease_file = self.file("lease6")
        client = self.start(["dhclient", "-6", "-1", "-d", "-v", "-sf", TOOLS / "apply-lease-v6",
                             "-lf", self.file("leases6"), "--no-pid", "-e", f"LEASE_FILE={lease_file}",
                             *options, "eth0"], "dhclient-v6")
        try:
            wait_until(lease_file.exists, "an IPv6 lease", timeout=timeout)
        except LabError as error:
            raise LabError(f"{self.port} got no IPv6 lease\n{client.log}") from error
        return dict(line.split("=", 1) for line in lease_file.read_text().splitlines() if "=" in line)

    def configure_v6(self, gateway: str) -> None:
        """Gives eth0 its IPv6 address by hand."""
        self.enable_ipv6(accept_advertisements=False)
        self.run(["ip", "-6", "addr", "replace", f"{self.address_v6}/64", "dev", "eth0", "nodad"])
        self.run(["ip", "-6", "route", "replace", "default", "via", gateway, "dev", "eth0"])

    # ------------------------------------------------------------ traffic

    def ping_command(self, destination: str, count: int = 3, size: int = 56) -> list[str]:
        """ping with a bounded time."""
        return ["ping", "-n", "-c", str(count), "-i", "0.1", "-W", "1", "-s", str(size), destination]

    def ping(self, destination: str, count: int = 3, size: int = 56) -> PingResult:
        """Pings; never raises for lost packets."""
        output = self.run(self.ping_command(destination, count, size), check=False, timeout=count + 10).stdout
        counts = re.search(r"(\d+) packets transmitted, (\d+) received", output)
        ttl = re.search(r"ttl=(\d+)", output)
        return PingResult(int(counts[1]) if counts else 0, int(counts[2]) if counts else 0,
                          int(ttl[1]) if ttl else None, output)

    def reaches(self, destination: str, timeout: float = 5) -> bool:
        """Whether a ping is answered, given some tries."""
        try:
            wait_until(lambda: self.ping(destination, count=1).received == 1, "an answer", timeout=timeout)
            return True
        except LabError:
            return False

    def iperf3_server(self) -> Process:
        """An iperf3 server for one test."""
        server = self.start(["iperf3", "--server", "--one-off", "--forceflush"], "iperf3-server")
        server.wait_for_log("Server listening")
        return server

    def iperf3(self, server: str, *options: str, seconds: int = 2) -> dict[str, Any]:
        """Runs an iperf3 client against a server and returns iperf3's JSON."""
        output = self.run(["iperf3", "--client", server, "--time", str(seconds), "--connect-timeout", "3000",
                           "--json", *options], check=False, timeout=seconds + 15).stdout
        try:
            report = json.loads(output)
        except json.JSONDecodeError as error:
            raise LabError(f"iperf3 said: {output}") from error
        if "error" in report:
            raise LabError(f"iperf3 from {self.port}: {report['error']}")
        return report

    def send_frames(self, frames: Sequence[bytes], device: str = "eth0") -> None:
        """Sends raw frames from the guest's device."""
        send_frames(self.namespace, device, frames, self.file("frames"))


def send_frames(namespace: Namespace, device: str, frames: Sequence[bytes], file: Path) -> None:
    """Sends raw frames (14 bytes and more each: what the kernel accepts) from a device of a namespace."""
    file.write_text("".join(frame.hex() + "\n" for frame in frames))
    namespace.run([PYTHON, TOOLS / "send_frames.py", device, file], timeout=60)
