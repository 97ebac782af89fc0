"""Gratuitous ARP and unsolicited neighbor advertisements after a port came up, in guests and on the wire."""

from __future__ import annotations

from lab import GoalState, Lab, wait_until
from lab.capture import Capture
from lab.kernel_host import KernelHost

GREEN_GATEWAY = "10.1.0.1"
GREEN_GATEWAY_MAC = "02:00:00:00:01:01"
# Announcements: who asks for its own address; and advertisements that nobody solicited.
GRATUITOUS_ARP = "arp.isgratuitous == 1"
UNSOLICITED = "icmpv6.type == 136 && icmpv6.nd.na.flag.s == 0"


def replug(lab: Lab, name: str) -> None:
    """The guest's device goes and comes again, as when a machine was migrated here."""
    host, guest = lab.hosts[1], lab.guests[name]
    lab.unplug(host, guest)
    host.wait_for_port(name, "waiting")
    lab.plug(host, guest)
    host.wait_for_port(name)


def test_a_guest_hears_of_its_gateway(lab: Lab) -> None:
    """A cache with the gateway's old MAC is right as soon as the port is up."""
    guest = lab.guests["green-1"]
    replug(lab, "green-1")
    guest.configure(GREEN_GATEWAY)
    guest.run(["ip", "neigh", "replace", GREEN_GATEWAY, "lladdr", "02:00:00:00:99:99", "dev", "eth0", "nud", "stale"])
    wait_until(lambda: GREEN_GATEWAY_MAC in guest.run(["ip", "neigh", "show", GREEN_GATEWAY]).stdout,
               "the gateway's MAC in the guest's cache", timeout=5)


def test_other_hosts_hear_of_a_guest(lab: Lab) -> None:
    """Both addresses of a guest that came up go into the tunnel, three times, and tshark finds nothing wrong."""
    lab.hosts[1].namespace.run(["sleep", "3"])  # what was announced before is over
    with lab.capture(1) as underlay:
        replug(lab, "green-1")
        lab.hosts[1].namespace.run(["sleep", "4"])
    ours = "ip.src == 10.0.0.1 && vxlan.vni == 1001"
    arps = underlay.frames(f"{ours} && {GRATUITOUS_ARP}", "arp.src.proto_ipv4", "arp.src.hw_mac")
    assert arps == [["10.1.0.11", "02:00:00:00:01:11"]] * 3
    advertisements = underlay.frames(f"{ours} && {UNSOLICITED}", "icmpv6.nd.na.target_address", "icmpv6.opt.linkaddr")
    assert advertisements == [["fd00:10:1::ff:fe00:111", "02:00:00:00:01:11"]] * 3
    assert underlay.count("_ws.malformed") == 0
    assert underlay.count(f"({GRATUITOUS_ARP} || {UNSOLICITED}) && _ws.expert.severity >= 0x600000") == 0


def test_guests_hear_of_a_new_mac(lab: Lab) -> None:
    """When the MAC behind a neighbor's address changes, the guests of its subnet are told, those of others not."""
    green, red = lab.guests["green-1"], lab.guests["red-1"]
    goal_state = GoalState.example(1)
    for state in goal_state.states("neighbor").values():
        configuration = state["configuration"]
        if any(entry.get("ip_address") == "10.1.0.12" for entry in configuration.get("fixed_ips", [])):
            configuration["mac_address"] = "02:00:00:00:01:99"
            configuration["revision_number"] = configuration.get("revision_number", 1) + 1
    with Capture(green.namespace, "eth0", green.file("moved.pcap")) as heard, \
            Capture(red.namespace, "eth0", red.file("moved.pcap")) as elsewhere:
        lab.hosts[1].push(goal_state)
        green.run(["sleep", "4"])
    announced = heard.frames(GRATUITOUS_ARP, "arp.src.proto_ipv4", "arp.src.hw_mac")
    assert announced.count(["10.1.0.12", "02:00:00:00:01:99"]) == 3
    assert elsewhere.count(f"{GRATUITOUS_ARP} && arp.src.proto_ipv4 == 10.1.0.12") == 0


def test_a_learning_kernel_follows_a_guest() -> None:
    """A kernel's VXLAN device that has learnt another host for a MAC learns the new one unasked."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        guest = lab.add_guest(host, "green-1", "02:00:00:00:01:11", "10.1.0.11", plugged=False)
        kernel = KernelHost(lab, static=False)
        kernel.namespace.run(["bridge", "fdb", "replace", guest.mac, "dev", "vx1001", "dst", "10.0.0.99", "self",
                              "dynamic"])
        lab.start()
        host.push(GoalState.example(1))

        def entry() -> str:
            table = kernel.namespace.run(["bridge", "fdb", "show", "dev", "vx1001"]).stdout
            return next(line for line in table.splitlines() if line.startswith(guest.mac))
        assert "dst 10.0.0.99" in entry()
        lab.plug(host, guest)
        host.wait_for_port("green-1")
        wait_until(lambda: "dst 10.0.0.1 " in entry() + " ", "the new host in the kernel's table", timeout=10)
    finally:
        lab.close()
