"""The lines of the benchmark: which script with which flags, and what the figures have to be."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """What must be reached and what is aimed at; None: nothing was set. Smaller values are better, unless is_least."""

    must: float | None = None
    aim: float | None = None
    is_least: bool = False  # larger values are better

    def is_missed(self, value: float | None) -> bool:
        """Whether a value is worse than what must be reached."""
        if self.must is None or value is None:
            return False
        return value < self.must if self.is_least else value > self.must


@dataclass(frozen=True)
class Line:
    """A call of a script. `goals` are those of its results in their order; figure: which value is compared."""

    title: str
    script: str
    flags: list[str]
    goals: list[Goal] = field(default_factory=list)
    figure: str = "cycles_per_packet"  # with a dot: of an object in the result
    unit: str = "cycles"
    peer_figure: str = "peer_cycles_per_packet"
    vpp: list[str] = field(default_factory=list)  # VPP 26.06, measured on another day: bridged / routed


_SOME = "1000,100000"
_MANY = "1000,100000,1000000"
_STATEFUL = ["--rules", "100", "--peer", "ovs", "--floor"]
_PLAIN = ["--policy", "off", "--peer", "ovs", "--floor"]
_ADDITION = ["--neighbors", "1", "--warm-up", "100", "--rounds", "15"]
_AT_ONCE = ["--clients", "50", "--messages"]

LINES = {
    "encap": Line("guest to wire, routed: 100 rules, conntrack, VXLAN", "pipeline",
                  ["--direction", "encap", "--flows", _MANY, *_STATEFUL],
                  [Goal(170, 110), Goal(220, 150), Goal(240, 180)],
                  vpp=["198 / 250", "242 / 309", "264 / 368"]),
    "encap-ipv6": Line("the same, IPv6", "pipeline",
                       ["--direction", "encap", "--flows", _MANY, *_STATEFUL, "--family", "6"]),
    "encap-plain": Line("guest to wire, routed: no security groups (connections are tracked)", "pipeline",
                        ["--direction", "encap", "--flows", _SOME, *_PLAIN], [Goal(120), Goal(150)]),
    "encap-plain-ipv6": Line("the same, IPv6", "pipeline",
                             ["--direction", "encap", "--flows", _SOME, *_PLAIN, "--family", "6"]),
    "bridge": Line("guest to wire, in one subnet: 100 rules, conntrack, VXLAN", "pipeline",
                   ["--direction", "bridge", "--flows", _SOME, *_STATEFUL]),
    "bridge-ipv6": Line("the same, IPv6", "pipeline",
                        ["--direction", "bridge", "--flows", _SOME, *_STATEFUL, "--family", "6"]),
    "decap": Line("wire to guest: 100 rules, conntrack", "pipeline",
                  ["--direction", "decap", "--flows", _SOME, *_STATEFUL], [Goal(190, 120), Goal(240, 165)],
                  vpp=["247", "316"]),
    "decap-ipv6": Line("the same, IPv6", "pipeline",
                       ["--direction", "decap", "--flows", _SOME, *_STATEFUL, "--family", "6"]),
    "decap-plain": Line("wire to guest: no security groups (connections are tracked)", "pipeline",
                        ["--direction", "decap", "--flows", _SOME, *_PLAIN]),
    "decap-plain-ipv6": Line("the same, IPv6", "pipeline",
                             ["--direction", "decap", "--flows", _SOME, *_PLAIN, "--family", "6"]),
    "local": Line("guest to guest on one host: both ports' 100 rules, conntrack", "pipeline",
                  ["--direction", "local", "--flows", _SOME, "--rules", "100"], [Goal(), Goal(200, 140)]),
    "local-ipv6": Line("the same, IPv6", "pipeline",
                       ["--direction", "local", "--flows", _SOME, "--rules", "100", "--family", "6"]),
    "vhost": Line("guest by vhost-user to wire, routed: 100 rules, conntrack, VXLAN", "vhost",
                  ["--flows", "1,1000,100000", "--peer", "ovs"]),
    "vhost-ports": Line("guest by vhost-user to wire beside idle ones", "vhost", ["--flows", "1000", "--ports", "1,64,256"]),
    "segmentation": Line("a machine's large TCP packets to wire, cut in software: of a segment", "segmentation", [], [],
                         "software_cycles_per_segment"),
    "offload": Line("a connection given to a network card: what it costs software", "offload", [], [], "install_cycles"),
    "connections": Line("new connections per second, by rules", "connections", ["--rules", "10,1000,10000", "--peer", "ovs"],
                        [Goal(), Goal(2.0e6, 3.0e6, is_least=True), Goal()], "connections_per_second", "per second",
                        "peer_connections_per_second", ["", "1.75 to 2.6 M"]),
    "connections-ipv6": Line("the same, IPv6", "connections",
                             ["--rules", "10,1000,10000", "--family", "6", "--peer", "ovs"], [],
                             "connections_per_second", "per second", "peer_connections_per_second"),
    "rule-update": Line("one rule among 10,000: send to reply, enforced", "rule_update", ["--rules", "10000"],
                        [Goal(10, 1)], "changed_ms.median", "ms"),
    "rule-update-ipv6": Line("the same, IPv6", "rule_update", ["--rules", "10000", "--family", "6"], [],
                             "changed_ms.median", "ms"),
    "churn": Line("10,000 neighbor updates/s and a rule change a second: slower by", "churn", [],
                  [Goal(5, 1)], "slow_down_percent", "%"),
    "churn-ipv6": Line("the same, IPv6", "churn", ["--family", "6"], [Goal(5, 1)], "slow_down_percent", "%"),
    "flood": Line("SYN flood of another guest into a full table: goodput left", "flood", [], [Goal(95, 99, is_least=True)],
                  "goodput_percent", "%"),
    "flood-ipv6": Line("the same, IPv6", "flood", ["--family", "6"], [Goal(95, 99, is_least=True)], "goodput_percent", "%"),
    "attack": Line("established flows among crafted packets, against benign: times", "attack", [], [Goal(1.5, 1.1)],
                   "times", ""),
    "attack-ipv6": Line("the same, IPv6", "attack", ["--family", "6"], [Goal(1.5, 1.1)], "times", ""),
    "goal-states": Line("neighbors in one goal state: send to reply, programmed", "goalstate",
                        ["--neighbors", "1,10,100,1000,10000,100000,1000000"],
                        [Goal(), Goal(), Goal(), Goal(), Goal(20), Goal(200), Goal(2000)], "milliseconds", "ms"),
    "goal-messages": Line("10,000 goal states of one neighbor on one stream", "goalstate",
                          ["--neighbors", "10000", "--messages", "10000"], [Goal(1000)], "milliseconds", "ms"),
    "goal-addition-first": Line("one more neighbor beside 1,000", "goalstate", ["--base", "1000", *_ADDITION], [],
                                "milliseconds", "ms"),
    "goal-addition": Line("one more neighbor beside 1,000,000", "goalstate", ["--base", "1000000", *_ADDITION], [],
                          "milliseconds", "ms"),
    "goal-ports": Line("10,000 ports and their neighbors in one goal state", "goalstate",
                       ["--neighbors", "100000", "--ports", "10000"], [Goal(1000)], "milliseconds", "ms"),
    "goal-clients": Line("the same, pushed by 8 clients at once", "goalstate",
                         ["--neighbors", "100000", "--ports", "10000", "--clients", "8"], [], "milliseconds", "ms"),
    "goal-port-batch": Line("the same: one client's ports in one goal state, the neighbors from 7 others at once", "goalstate",
                            ["--neighbors", "100000", "--ports", "10000", "--clients", "8", "--port-batch"], [],
                            "milliseconds", "ms"),
    "goal-ports-at-once-1000": Line("1,000 ports by 50 clients at once, a goal state each", "goalstate",
                                    ["--neighbors", "1000", "--ports", "1000", *_AT_ONCE, "1000"], [],
                                    "milliseconds", "ms"),
    "goal-ports-at-once-10000": Line("10,000 ports by 50 clients at once, a goal state each", "goalstate",
                                     ["--neighbors", "10000", "--ports", "10000", *_AT_ONCE, "10000"], [],
                                     "milliseconds", "ms"),
    "goal-first-packet": Line("a port with its group, DHCP and 1,000 neighbors: its first packet", "goalstate",
                              ["--neighbors", "1000", "--first-packet", "pcap"], [Goal(10)], "first_packet_milliseconds", "ms"),
    "goal-first-packet-veth": Line("the same on a veth", "goalstate", ["--neighbors", "1000", "--first-packet", "af_packet", "--rounds", "7"],
                                   [Goal(10)], "first_packet_milliseconds", "ms"),
    "goal-slice-memory": Line("the agent's memory for a neighbor in a slice", "goalstate", ["--neighbors", "100000", "--slice"],
                              [Goal(400)], "agent_bytes_per_neighbor", "bytes"),
    "on-demand": Line("first packets at once to destinations learnt on demand: p99 beyond the manager's time", "ondemand",
                      [], [Goal(), Goal(2), Goal(2)], "beyond_ncm_milliseconds.p99", "ms"),
    "restart": Line("a killed agent: from its start until it takes goal states", "restart", [], [Goal(1000)],
                    "agent_serves_milliseconds", "ms"),
    "largest": Line("a goal state of 500 MiB: send to reply (one of 513 is refused)", "largest", [], [],
                    "milliseconds", "ms"),
    "fleet": Line("pushes of 1 to 10,000 neighbors to 2,000 agents, 32 at once: 99 of 100 within", "fleet", [], [],
                  "p99_ms", "ms"),
    "idle-channels": Line("memory of an agent for 1,000 idle channels", "fleet", ["--idle-channels", "1000"], [Goal(64)],
                          "mib", "MiB"),
    "scaling": Line("two workers against one: disjoint flows, guest to wire", "scaling", ["--direction", "encap"],
                    [Goal(1.8, 1.95, is_least=True)], "times", "times"),
    "scaling-ipv6": Line("the same, IPv6", "scaling", ["--direction", "encap", "--family", "6"], [Goal(1.8, 1.95, is_least=True)],
                         "times", "times"),
    "scaling-both": Line("two workers against one: both directions of the same flows", "scaling", ["--direction", "both"],
                         [Goal(1.8, 1.95, is_least=True)], "times", "times"),
    "scaling-both-ipv6": Line("the same, IPv6", "scaling", ["--direction", "both", "--family", "6"], [Goal(1.8, 1.95, is_least=True)],
                              "times", "times"),
}
