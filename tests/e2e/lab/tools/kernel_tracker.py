#!/usr/bin/python3
"""Says what the kernel's connection tracker makes of packets that it routes; run in a namespace of its own.

kernel_tracker.py liberal|window-check never|always    (nf_conntrack_tcp_be_liberal, nf_conntrack_tcp_loose)

Reads and answers lines as tests/pipeline/tracker_replay.cpp does. The rules write the verdict into the packet's
DSCP, so that what comes out on the other side tells it.
"""

from __future__ import annotations

import os
import re
import select
import socket
import struct
import subprocess
import sys
from pathlib import Path

ADDRESSES = {"a": "10.1.0.11", "b": "10.1.0.13"}
ADDRESSES_V6 = {"a": "2001:db8:1::b", "b": "2001:db8:1::d"}
ROUTER_MACS = {"a": "02:00:00:00:0a:00", "b": "02:00:00:00:0b:00"}
STATION_MACS = {"a": "02:00:00:00:0a:11", "b": "02:00:00:00:0b:11"}
VERDICTS = {1: "new", 2: "established", 3: "related", 4: "invalid"}
SYSCTLS = Path("/proc/sys/net")
LIMIT_SECONDS = 20
RULES = """
table ip tracker {
  chain untracked { type filter hook prerouting priority raw; udp dport 9 notrack; }
  chain verdicts {
    type filter hook forward priority filter;
    ct state new ip dscp set 1
    ct state established ip dscp set 2
    ct state related ip dscp set 3
    ct state invalid ip dscp set 4
  }
}
table ip6 tracker {
  chain verdicts {
    type filter hook forward priority filter;
    ct state new ip6 dscp set 1
    ct state established ip6 dscp set 2
    ct state related ip6 dscp set 3
    ct state invalid ip6 dscp set 4
  }
}
"""
ETHERNET_IPV4, ETHERNET_IPV6, ETHERNET_ALL = 0x0800, 0x86DD, 0x0003
# Of /proc/net/nf_conntrack; what has no name in it is told by whether it was answered.
STATES = {"SYN_SENT": "syn_sent", "SYN_SENT2": "syn_sent_both", "SYN_RECV": "syn_received",
          "ESTABLISHED": "established", "FIN_WAIT": "fin_wait", "CLOSE_WAIT": "close_wait",
          "LAST_ACK": "last_ack", "TIME_WAIT": "time_wait", "CLOSE": "closed"}


def mac(text: str) -> bytes:
    """The six bytes of a MAC."""
    return bytes.fromhex(text.replace(":", ""))


def command(words: str, text: str | None = None) -> None:
    """Runs a command that must succeed."""
    subprocess.run(words.split(), check=True, input=text, text=True, timeout=LIMIT_SECONDS)


def set_kernel(key: str, value: int) -> None:
    """Writes /proc/sys/net/KEY."""
    (SYSCTLS / key).write_text(str(value), encoding="ascii")


class Router:
    """The kernel as a router between two stations, whose ends of the cables are ours."""

    def __init__(self, liberal: bool, loose: bool) -> None:
        # One queue of packets, so that they stay in order.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        set_kernel("ipv4/ip_forward", 1)
        set_kernel("ipv4/conf/all/rp_filter", 0)
        for scope in ("all", "default"):
            set_kernel(f"ipv6/conf/{scope}/disable_ipv6", 0)
            set_kernel(f"ipv6/conf/{scope}/forwarding", 1)
        self.sockets = {}
        for side in "ab":
            command(f"ip link add {side}0 address {ROUTER_MACS[side]} type veth peer name {side}1")
            for end in "01":
                command(f"ip link set {side}{end} up")
            command(f"ip route add {ADDRESSES[side]}/32 dev {side}0")
            command(f"ip neighbor add {ADDRESSES[side]} lladdr {STATION_MACS[side]} dev {side}0 nud permanent")
            command(f"ip -6 route add {ADDRESSES_V6[side]}/128 dev {side}0")
            command(f"ip -6 neighbor add {ADDRESSES_V6[side]} lladdr {STATION_MACS[side]} dev {side}0 nud permanent")
            self.sockets[side] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERNET_ALL))
            self.sockets[side].bind((f"{side}1", ETHERNET_ALL))
        command("nft -f -", RULES)
        set_kernel("netfilter/nf_conntrack_tcp_be_liberal", int(liberal))
        set_kernel("netfilter/nf_conntrack_tcp_loose", int(loose))
        self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
        self.serial = 0

    def flush(self) -> None:
        """Forgets all connections."""
        request, acknowledge = 1, 4
        delete = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
        self.netlink.send(struct.pack("=IHHIIBBH", 20, delete, request | acknowledge, 1, 0, 0, 0, 0))
        error = struct.unpack_from("=i", self.netlink.recv(4096), 16)[0]
        if error:
            raise OSError(-error, "flush")

    def send(self, side: str, packet: bytes) -> str:
        """The packet's verdict, or "dropped", the state of the only connection and the seconds it has left."""
        other = "b" if side == "a" else "a"
        self.serial += 1
        macs = mac(ROUTER_MACS[side]) + mac(STATION_MACS[side])
        kind = ETHERNET_IPV6 if packet[0] >> 4 == 6 else ETHERNET_IPV4
        self.sockets[side].send(macs + struct.pack("!H", kind) + packet)
        # Behind it one that tells when to stop waiting.
        self.sockets[side].send(macs + struct.pack("!H", ETHERNET_IPV4) + self._last(side, other))
        verdict = "dropped"
        while True:
            came = self._receive(other)
            if came is None:
                continue
            if came[0] >> 4 == 4 and came[9] == socket.IPPROTO_UDP and came[22:24] == b"\0\x09":
                if came[28:32] == struct.pack("!I", self.serial):
                    break
            elif came[0] >> 4 == 6:
                # The kernel says things of its own in this family.
                if came[24:40] == socket.inet_pton(socket.AF_INET6, ADDRESSES_V6[other]):
                    verdict = VERDICTS.get((came[0] & 0xF) << 2 | came[1] >> 6, "unknown")
            else:
                verdict = VERDICTS.get(came[1] >> 2, "unknown")
        return f"{verdict} {self._state()}"

    def _last(self, side: str, other: str) -> bytes:
        source, destination = (socket.inet_aton(ADDRESSES[end]) for end in (side, other))
        header = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, 0, 0, 64, socket.IPPROTO_UDP, 0,
                                       source, destination))
        total = sum(struct.unpack("!10H", header))
        header[10:12] = struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
        return bytes(header) + struct.pack("!HHHHI", 9, 9, 12, 0, self.serial)

    def _receive(self, side: str) -> bytes | None:
        ready, _, _ = select.select([self.sockets[side]], [], [], LIMIT_SECONDS)
        if not ready:
            raise TimeoutError("the kernel forwards nothing")
        frame, (_, ethernet, kind, _, _) = self.sockets[side].recvfrom(65536)
        is_ip = ethernet in (ETHERNET_IPV4, ETHERNET_IPV6)
        return frame[14:] if is_ip and kind != socket.PACKET_OUTGOING else None

    @staticmethod
    def _state() -> str:
        for line in Path("/proc/net/nf_conntrack").read_text(encoding="ascii").splitlines():
            # The network's family and number, the protocol and its number, seconds, TCP's state.
            tcp = re.search(r"\btcp +6 +(\d+) ([A-Z_0-9]+) ", line)
            if tcp:
                return f"{STATES.get(tcp[2], tcp[2])} {tcp[1]}"
            return f"{'one_way' if '[UNREPLIED]' in line else 'two_way'} {line.split()[4]}"
        return "none 0"


def main() -> None:
    """Answers lines until there are no more."""
    router = Router(liberal=sys.argv[1] == "liberal", loose=sys.argv[2] == "always")
    for line in sys.stdin:
        word, _, packet = line.strip().partition(" ")
        if word == "flush":
            router.flush()
            print("= flushed", flush=True)
        else:
            print(f"= {router.send(word, bytes.fromhex(packet))}", flush=True)


if __name__ == "__main__":
    main()
