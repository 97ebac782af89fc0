"""Open vSwitch with DPDK as the peer: the same capture file, the same work, the same core."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from lab.namespace import Namespace
from lab.process import Process
from lab.shell import LabError, run, wait_until

from . import machine
from .captures import write_capture
from .scenario import GUEST, PEER_MAC, PEER_VTEP, UPLINK, VTEP, Line, Scenario

_VSWITCHD = Path("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk")
_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
_BRIDGE_MAC = "02:00:00:00:00:a1"
MOST_FLOWS = 200_000  # its pools of packet buffers hold no more for a loop
_MIB = 2048
_SETTINGS = {
    "exact-match cache": ("other_config:smc-enable=false", "other_config:emc-insert-inv-prob=100"),
    "signature-match cache": ("other_config:smc-enable=true", "other_config:emc-insert-inv-prob=0"),
}


def _ended(method: str) -> bytes:
    raise LabError(f"Open vSwitch ended before it answered {method}")


def can_be_peer(line: Line) -> bool:
    """Whether it is asked for what it can do here."""
    return line.direction in ("bridge", "encap", "decap") and line.workers == 1 and line.flows <= MOST_FLOWS


@dataclass(frozen=True)
class ConnectionSample:
    """Connections made for some time."""

    per_second: float
    cycles: float  # each, all that a packet costs included


@dataclass(frozen=True)
class _Processed:
    packets: int
    cycles: int


class OpenVSwitch:
    """Two daemons with a database, sockets and logs in a directory of their own."""

    def __init__(self, namespace: Namespace, directory: Path, scenario: Scenario) -> None:
        self.name = ""
        self.setting = ""
        self.memory = _MIB
        self._namespace = namespace
        self._directory = directory
        self._scenario = scenario
        self._daemons: list[Process] = []
        directory.mkdir(parents=True, exist_ok=True)
        # Everything that the tools look for is looked for here.
        self._environment = {name: str(directory) for name in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR")}
        self._database = directory / "conf.db"
        self._socket = f"unix:{directory}/db.sock"

    # ------------------------------------------------------------ start

    def start(self) -> None:
        """Starts it, sets it up, and chooses the cache that suits the flows best."""
        if not _VSWITCHD.exists():
            raise LabError(f"{_VSWITCHD} is missing; install openvswitch-switch-dpdk or use --peer none")
        run(["ovsdb-tool", "create", self._database, _SCHEMA])
        self._daemon("ovsdb-server", [self._database, f"--remote=p{self._socket}"])
        wait_until((self._directory / "db.sock").exists, "ovsdb-server has a socket")
        self._vsctl("--no-wait", "init")
        self._vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                    f"other_config:pmd-cpu-mask={1 << machine.MEASURED_CPU:#x}",
                    f"other_config:dpdk-lcore-mask={1 << machine.CONTROL_CPU:#x}",
                    'other_config:dpdk-extra="--no-pci --in-memory"')
        self._daemon(str(_VSWITCHD), [self._socket], name="ovs-vswitchd")
        wait_until(lambda: self._vsctl("get", "Open_vSwitch", ".", "dpdk_initialized").strip() == "true",
                   "Open vSwitch has started DPDK", timeout=60)
        found = re.search(r"[\d.]+\d", self._tool(_VSWITCHD, "--version"))
        self.name = f"Open vSwitch {found[0] if found else ''} with DPDK"
        self._set_up_bridges()
        self._set_up_flows()
        self._choose_setting()

    def _daemon(self, command: str, words: list[str | Path], *, name: str = "") -> None:
        name = name or command
        self._daemons.append(Process(name, self._namespace, [
            "env", *(f"{key}={value}" for key, value in self._environment.items()), command, *words,
            "--no-chdir", f"--pidfile={self._directory}/{name}.pid", f"--unixctl={self._directory}/{name}.ctl",
            f"--log-file={self._directory}/{name}.log", "-vconsole:warn"], self._directory / f"{name}.out"))
        machine.put_ahead(self._daemons[-1].pid)

    def _tool(self, *words: str | Path, timeout: float = 60) -> str:
        return run(self._namespace.command(words), environment=self._environment, timeout=timeout).stdout

    def _vsctl(self, *words: str) -> str:
        return self._tool("ovs-vsctl", f"--db={self._socket}", "--timeout=55", *words)

    def _appctl(self, method: str, *words: str) -> str:
        """What ovs-appctl does, in a hundredth of its time (JSON-RPC 1.0, ovs-vswitchd(8), RUNTIME MANAGEMENT COMMANDS)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(60)
            channel.connect(str(self._directory / "ovs-vswitchd.ctl"))
            channel.sendall(json.dumps({"id": 0, "method": method, "params": words}).encode())
            text = b""
            while True:
                text += channel.recv(65536) or _ended(method)
                try:
                    answer = json.loads(text)
                    break
                except ValueError:
                    continue
        if answer["error"] is not None:
            raise LabError(f"Open vSwitch refuses {method}: {answer['error']}")
        return answer["result"] or ""

    def _set_up_bridges(self) -> None:
        """br-int has the guest and the tunnel, br-phy the wire and the VTEP."""
        from_wire = self._scenario.line.direction == "decap"
        capture = self._directory / "in.pcap"
        source = self._scenario.sources[0]
        frames = (self._scenario.frames_from_wire(source.flows, _BRIDGE_MAC) if source.port == UPLINK
                  else source.frames(source.flows))
        write_capture(capture, frames)
        loop, sink = f"eth_pcap0,rx_pcap={capture},infinite_rx=1", "eth_null0,no-rx=1"
        self._vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev", "fail_mode=secure",
                    f'other_config:hwaddr="{_BRIDGE_MAC}"')
        self._vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "fail_mode=secure")
        self._namespace.run(["ip", "addr", "replace", f"{VTEP}/24", "dev", "br-phy"])
        self._namespace.run(["ip", "link", "set", "br-phy", "up"])
        self._vsctl("add-port", "br-int", "vxlan0", "--", "set", "interface", "vxlan0", "type=vxlan",
                    "ofport_request=2", f"options:remote_ip={PEER_VTEP}", f"options:local_ip={VTEP}",
                    "options:key=flow")
        self._appctl("tnl/arp/set", "br-phy", PEER_VTEP, PEER_MAC)
        self._add_guest(sink if from_wire else loop)
        self._add_device("br-phy", "wire", "type=dpdk", f'options:dpdk-devargs="{loop if from_wire else sink}"')

    def _add_guest(self, device: str) -> None:
        """Adds the guest's port; device: what plays the guest if nothing else does."""
        self._add_device("br-int", "guest", "type=dpdk", f'options:dpdk-devargs="{device}"')

    def _add_device(self, bridge: str, port: str, *settings: str) -> None:
        self._vsctl("add-port", bridge, port, "--", "set", "interface", port, "ofport_request=1", *settings)
        error = self._vsctl("get", "interface", port, "error").strip()
        if error not in ("[]", ""):
            raise LabError(f"Open vSwitch refuses {' '.join(settings)}: {error}")

    def _set_up_flows(self) -> None:
        """The same decisions as ours, without a policy: that would only cost it more."""
        direction = self._scenario.line.direction
        ip = "ip" if self._scenario.line.family == 4 else "ipv6"
        guest_port, tunnel_port = "1", "2"
        if direction == "decap":
            match = f"in_port={tunnel_port},tun_id=1001,{ip}"
            forward = f"output:{guest_port}"
        else:
            network = "nw_src" if ip == "ip" else "ipv6_src"
            match = f"in_port={guest_port},dl_src={self._scenario.guest.mac},{ip},{network}={self._scenario.guest.ip}"
            routing = ""
            if direction == "encap":
                routing = (f"dec_ttl,set_field:{self._scenario.remote('red').mac}->eth_dst,"
                           "set_field:fe:16:11:00:00:01->eth_src,")
            forward = f"{routing}set_field:{self._scenario.vni_out}->tun_id,output:{tunnel_port}"
        flows = [f"table=0,{match},actions={forward}"]
        if self._scenario.line.policy:
            flows = [f"table=0,{match},actions=ct(table=1,zone=1)",
                     f"table=1,ct_state=+trk+new,{ip},actions=ct(commit,zone=1,table=2)",
                     f"table=1,ct_state=+trk+est,{ip},actions=resubmit(,2)",
                     f"table=2,{ip},actions={forward}"]
        for flow in flows:
            self._tool("ovs-ofctl", "-O", "OpenFlow13", "add-flow", f"unix:{self._directory}/br-int.mgmt", flow)
        for flow in ("in_port=LOCAL,actions=output:1", "in_port=1,actions=LOCAL"):
            self._tool("ovs-ofctl", "-O", "OpenFlow13", "add-flow", f"unix:{self._directory}/br-phy.mgmt", flow)

    def _choose_setting(self) -> None:
        """Its better one: few flows fit into the exact-match cache, many do better without it."""
        time.sleep(2 + self._scenario.line.flows / 50000)
        costs: dict[str, float] = {}
        for setting in _SETTINGS:
            self._use(setting)
            time.sleep(1)
            costs[setting] = self.sample(1)
        self.setting = min(costs, key=lambda setting: costs[setting])
        self._use(self.setting)
        time.sleep(0.5)

    def _use(self, setting: str) -> None:
        self._vsctl("set", "Open_vSwitch", ".", *_SETTINGS[setting])

    # ------------------------------------------------------------ measure

    def sent(self) -> int:
        """Packets that it has sent by the sink."""
        port = "guest" if self._scenario.line.direction == "decap" else "wire"
        bridge = "br-int" if port == "guest" else "br-phy"
        text = self._tool("ovs-ofctl", "-O", "OpenFlow13", "dump-ports", f"unix:{self._directory}/{bridge}.mgmt", "1")
        found = re.search(r"tx pkts=(\d+|\?), bytes=", text)
        if found is None:
            raise LabError(f"no counters of {port} in {text}")
        # A port by vhost-user has none before its guest has come.
        return 0 if found[1] == "?" else int(found[1])

    def sample(self, seconds: float) -> float:
        """TSC cycles per packet for some time. Raises LabError if packets were lost or not in its fast path."""
        before = self.sent()
        self._appctl("dpif-netdev/pmd-stats-clear")
        time.sleep(seconds)
        text = self._appctl("dpif-netdev/pmd-stats-show").split("main thread:")[0]
        sent = self.sent() - before
        figures = {name: int(value) for name, value in
                   re.findall(r"(packets received|miss with success upcall|miss with failed upcall): (\d+)", text)}
        cost = re.search(r"avg processing cycles per packet: ([\d.]+)", text)
        received = figures.get("packets received", 0)
        if cost is None or received == 0:
            raise LabError(f"Open vSwitch received nothing:\n{text}")
        if figures["miss with failed upcall"] + figures["miss with success upcall"] > received / 1000:
            raise LabError(f"Open vSwitch did not stay in its fast path:\n{text}")
        if sent < received * 0.9:
            raise LabError(f"Open vSwitch received {received:,} packets and sent {sent:,}")
        return float(cost[1])

    def sample_new_connections(self, seconds: float) -> ConnectionSample:
        """Some time in which every packet begins a connection: the table was emptied, and the loop of flows has not come
        round since. Raises LabError if it has, or if packets were not tracked."""
        # What came while the first call emptied a full table is soon emptied by the second.
        self._appctl("dpctl/flush-conntrack")
        self._appctl("dpif-netdev/pmd-stats-clear")
        self._appctl("dpctl/flush-conntrack")
        before, table, began, first = self._processed(), self._connections(), time.monotonic(), self._processed()
        time.sleep(seconds)
        elapsed, last = time.monotonic() - began, self._processed()
        connections, after = self._connections() - table, self._processed()
        packets = last.packets - first.packets
        if last.packets > self._scenario.line.flows:
            raise LabError(f"Open vSwitch met {last.packets:,} packets of {self._scenario.line.flows:,} flows: "
                           "not all of them were new")
        # The table was read a little before the first reading of packets that counts, and a little after the last one.
        if packets == 0 or not packets * 0.95 < connections < (after.packets - before.packets) * 1.05:
            raise LabError(f"Open vSwitch received {packets:,} packets and has {connections:,} new connections")
        return ConnectionSample(packets / elapsed, (last.cycles - first.cycles) / packets)

    def _connections(self) -> int:
        return int(self._appctl("dpctl/ct-get-nconns").strip())

    def _processed(self) -> _Processed:
        """Packets and processing cycles of the forwarding thread since its statistics were cleared."""
        text = self._appctl("dpif-netdev/pmd-stats-show").split("main thread:")[0]
        found = {name: int(value) for name, value in re.findall(r"(packets received|processing cycles): (\d+)", text)}
        if len(found) != 2:
            raise LabError(f"no statistics in:\n{text}")
        return _Processed(found["packets received"], found["processing cycles"])

    def pause(self) -> None:
        """Stops it where it is, so that its core is free."""
        for daemon in self._daemons:
            daemon.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        for daemon in self._daemons:
            daemon.signal(signal.SIGCONT)

    # ------------------------------------------------------------ stop

    def stop(self) -> None:
        """Ends both daemons, and their bridges' devices."""
        self.resume()
        if len(self._daemons) > 1 and self._daemons[-1].running:
            self._appctl("exit", "--cleanup")
        for daemon in reversed(self._daemons):
            daemon.stop()
            self._namespace.processes.remove(daemon)
        self._daemons.clear()
