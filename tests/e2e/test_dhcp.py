"""DHCPv4 with real clients: what udhcpc and dhclient are told, and every state that they can be driven into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Capture, GoalState, Guest, Lab, LabError, wait_until
from lab.programs import TOOLS

GATEWAY = "10.1.0.1"
ADDRESS = "10.1.0.11"
# Beside the first lease's content: every option that has a name, and one by number.
OPTIONS = {
    "domain-name": "green.example",
    "domain-search": "a.green.example,green.example",
    "ntp-server": "10.1.0.7",
    "tftp-server": "boot.green.example",
    "bootfile-name": "image",
    "classless-static-route": f"10.9.0.0/16,10.1.0.9,0.0.0.0/0,{GATEWAY}",
    "252": "http://wpad.green.example",
}


def goal_state(**extra: str) -> GoalState:
    """Host 1 with these options in the green subnet."""
    result = GoalState.example(1)
    result.configuration("subnet", "green")["extra_dhcp_options"] = [
        {"name": name.replace("_", "-"), "value": value} for name, value in extra.items()]
    result.configuration("dhcp", "green-1")["port_host_name"] = "web-1"
    return result


@pytest.fixture(scope="module")
def host_lab() -> Iterator[Lab]:
    """One host with one guest."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        lab.add_guest(host, "green-1", "02:00:00:00:01:11", ADDRESS)
        lab.start()
        host.push(goal_state())
        host.wait_for_port("green-1")
        yield lab
    finally:
        lab.close()


@pytest.fixture
def guest(host_lab: Lab) -> Guest:
    """The guest, without an address and with the subnet's plain options."""
    host_lab.hosts[1].push(goal_state())
    guest = host_lab.guests["green-1"]
    guest.run(["ip", "addr", "flush", "dev", "eth0"])
    guest.run(["ip", "link", "set", "eth0", "mtu", "1500", "up"])
    return guest


def capture(guest: Guest) -> Capture:
    """Everything on the guest's device."""
    return Capture(guest.namespace, "eth0", guest.file("eth0.pcap"))


def message_types(packets: Capture) -> list[int]:
    """Option 53 of the messages, in order."""
    return [int(row[0]) for row in packets.frames("dhcp", "dhcp.option.dhcp")]


def assert_clean(packets: Capture) -> None:
    """The server says nothing that tshark calls malformed, wrong or worth a warning."""
    server = f"dhcp && ip.src == {GATEWAY}"
    assert packets.count(server) > 0
    assert packets.count(f"{server} && (_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0)") == 0
    warning = 0x600000
    assert packets.frames(f"{server} && _ws.expert.severity >= {warning}", "_ws.expert.message") == []


def received(lab: Lab, name: str) -> int:
    """How often the data plane has counted a message."""
    counters = lab.hosts[1].console.json("show", "dhcp")["counters"]
    return sum(int(counter["value"]) for counter in counters if counter["name"] == name)


class Dhclient:
    """A running dhclient and what its script noted."""

    def __init__(self, guest: Guest, leases: Path, *options: str) -> None:
        self.guest = guest
        self.notes = guest.file("notes")
        self.process = guest.start(
            ["dhclient", "-4", "-d", "-v", "-sf", TOOLS / "apply-lease-dhclient", "-lf", leases, "--no-pid",
             "-e", f"LEASE_FILE={self.notes}", *options, "eth0"], "dhclient")

    def __enter__(self) -> Dhclient:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def events(self) -> list[dict[str, str]]:
        """What happened, in order, each with what the server said."""
        events: list[dict[str, str]] = []
        for line in self.notes.read_text().splitlines() if self.notes.exists() else []:
            name, _, value = line.partition("=")
            if name == "reason":
                events.append({})
            events[-1][name] = value
        return events

    def count(self, reason: str) -> int:
        """How often that has happened."""
        return sum(event["reason"] == reason for event in self.events())

    def wait_for(self, reason: str, timeout: float = 20) -> dict[str, str]:
        """The first event of that kind."""
        def found() -> dict[str, str] | None:
            return next((event for event in self.events() if event["reason"] == reason), None)
        try:
            event = wait_until(found, reason, timeout=timeout)
        except LabError as error:
            raise LabError(f"dhclient saw no {reason}\n{self.process.log}") from error
        assert event is not None
        return event


# ------------------------------------------------------------ what is told


def test_udhcpc_gets_every_option(host_lab: Lab, guest: Guest) -> None:
    """All that the subnet says reaches the client, and its routes and MTU are in force."""
    host_lab.hosts[1].push(goal_state(**OPTIONS))
    names = ["staticroutes", "search", "ntpsrv", "tftp", "bootfile", "hostname", "broadcast", "58", "59", "wpad"]
    with capture(guest) as packets:
        lease = guest.lease(*[word for name in names for word in ("-O", name)])
    assert lease["ip"] == ADDRESS
    assert lease["mask"] == "24"
    assert lease["router"] == GATEWAY
    assert lease["serverid"] == GATEWAY
    assert lease["dns"] == "192.0.2.53"
    assert lease["mtu"] == "1450"
    assert lease["lease"] == "86400"
    assert lease["hostname"] == "web-1"
    assert lease["domain"] == "green.example"
    assert lease["search"] == "a.green.example green.example"
    assert lease["broadcast"] == "10.1.0.255"
    assert lease["ntpsrv"] == "10.1.0.7"
    assert lease["tftp"] == "boot.green.example"
    assert lease["bootfile"] == "image"
    assert lease["staticroutes"] == f"10.9.0.0/16 10.1.0.9 0.0.0.0/0 {GATEWAY}"
    assert int(lease["opt58"], 16) == 43200
    assert int(lease["opt59"], 16) == 75600
    assert lease["wpad"] == OPTIONS["252"]

    assert_clean(packets)
    assert message_types(packets) == [1, 2, 3, 5]
    link = json.loads(guest.run(["ip", "-json", "link", "show", "dev", "eth0"]).stdout)[0]
    assert link["mtu"] == 1450
    routes = {route["dst"]: route.get("gateway")
              for route in json.loads(guest.run(["ip", "-json", "route"]).stdout)}
    assert routes["10.9.0.0/16"] == "10.1.0.9"
    assert routes["default"] == GATEWAY


def test_reply_follows_the_request_list(host_lab: Lab, guest: Guest) -> None:
    """The options come in the order in which the client asked."""
    host_lab.hosts[1].push(goal_state(**OPTIONS))
    with capture(guest) as packets:
        guest.lease()
    rows = packets.frames("dhcp.option.dhcp == 1 || dhcp.option.dhcp == 2", "dhcp.option.request_list_item",
                          "dhcp.option.type")
    asked = rows[0][0].split(",")
    told = rows[1][1].split(",")
    common = [code for code in asked if code in told]
    assert len(common) >= 6
    # The mask goes in front of the router (RFC 2132, 3.3), which udhcpc's order says anyway.
    assert [code for code in told if code in common] == common


def test_first_request_is_answered(guest: Guest) -> None:
    """One DISCOVER and one REQUEST are enough."""
    with capture(guest) as packets:
        guest.lease(attempts=1)
    assert message_types(packets) == [1, 2, 3, 5]


def test_broadcast_flag(guest: Guest) -> None:
    """Who asks for broadcast gets broadcast, who doesn't gets unicast to the address that he is given."""
    for flags, destinations in (([], {(ADDRESS, guest.mac)}),
                                (["-B"], {("255.255.255.255", "ff:ff:ff:ff:ff:ff")})):
        guest.run(["ip", "addr", "flush", "dev", "eth0"])
        with capture(guest) as packets:
            guest.lease(*flags)
        rows = packets.frames("dhcp.type == 2", "ip.dst", "eth.dst")
        assert {tuple(row) for row in rows} == destinations


def test_client_identifier_is_no_identity(guest: Guest) -> None:
    """Option 61 of another station changes nothing, and comes back (RFC 6842)."""
    other = "01020000000112"
    with capture(guest) as packets:
        lease = guest.lease("-x", f"0x3d:{other}")
    assert lease["ip"] == ADDRESS
    rows = packets.frames("dhcp.type == 2", "dhcp.option.value")
    assert all(other in row[0] for row in rows), rows


def test_disabled_subnet_is_silent(host_lab: Lab, guest: Guest) -> None:
    """dhcp_enable false: no answer, a counted drop; true again: an answer at once."""
    host = host_lab.hosts[1]
    off = goal_state()
    for subnet in ("green", "green-v6"):
        off.configuration("subnet", subnet)["dhcp_enable"] = False
    host.push(off)
    before = host.console.drops("green-1")["dhcp_disabled"]
    with pytest.raises(LabError):
        guest.lease(attempts=1)
    assert host.console.drops("green-1")["dhcp_disabled"] > before
    host.push(goal_state())
    assert guest.lease(attempts=1)["ip"] == ADDRESS


# ------------------------------------------------------------ a client's life


def test_dhclient_binds_renews_and_rebinds(host_lab: Lab, guest: Guest) -> None:
    """SELECTING; RENEWING by unicast; REBINDING by broadcast when unicast gets no answer; RELEASE."""
    host_lab.hosts[1].push(goal_state(lease_time="12", t1="3", t2="6"))
    leases = guest.file("leases")
    with capture(guest) as packets:
        with Dhclient(guest, leases) as client:
            bound = client.wait_for("BOUND")
            assert bound["ip_address"] == ADDRESS
            assert bound["routers"] == GATEWAY
            assert bound["interface_mtu"] == "1450"
            assert bound["host_name"] == "web-1"
            assert bound["dhcp_lease_time"] == "12"
            client.wait_for("RENEW")
            # From now on only broadcast gets through; dhclient calls that RENEW as well.
            guest.run(["ip", "route", "add", "unreachable", f"{GATEWAY}/32"])
            renewals = client.count("RENEW")
            wait_until(lambda: client.count("RENEW") > renewals, "a rebound lease", timeout=20)
        before = received(host_lab, "received_release")
        guest.run(["ip", "route", "del", "unreachable", f"{GATEWAY}/32"])
        guest.run(["dhclient", "-4", "-r", "-v", "-sf", TOOLS / "apply-lease-dhclient", "-lf", leases, "--no-pid",
                   "-e", f"LEASE_FILE={client.notes}", "eth0"])
    assert received(host_lab, "received_release") == before + 1
    assert client.events()[-1]["reason"] == "RELEASE"
    assert_clean(packets)
    unicast = packets.count(f"dhcp.option.dhcp == 3 && dhcp.ip.client == {ADDRESS} && ip.dst == {GATEWAY}")
    broadcast = packets.count(f"dhcp.option.dhcp == 3 && dhcp.ip.client == {ADDRESS} && ip.dst == 255.255.255.255")
    assert unicast >= 1 and broadcast >= 1
    assert packets.count("dhcp.option.dhcp == 6") == 0


def test_dhclient_reboots_with_its_lease(guest: Guest) -> None:
    """INIT-REBOOT: a restarted client asks for what it had and is told that it has it."""
    leases = guest.file("leases")
    with Dhclient(guest, leases) as first:
        first.wait_for("BOUND")
        wait_until(lambda: "fixed-address" in leases.read_text(), "a lease in dhclient's file")
    with capture(guest) as packets, Dhclient(guest, leases) as second:
        assert second.wait_for("REBOOT")["ip_address"] == ADDRESS
    assert message_types(packets) == [3, 5]
    assert_clean(packets)


def test_dhclient_with_a_lease_of_elsewhere_is_refused(guest: Guest) -> None:
    """INIT-REBOOT with a wrong address: NAK, and then the right one."""
    leases = guest.file("leases")
    leases.write_text("""lease {
  interface "eth0";
  fixed-address 10.77.0.5;
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 86400;
  option dhcp-message-type 5;
  option dhcp-server-identifier 10.77.0.1;
  renew 2 2037/01/06 00:00:00;
  rebind 3 2037/01/07 00:00:00;
  expire 4 2037/01/08 00:00:00;
}
""")
    with capture(guest) as packets, Dhclient(guest, leases) as client:
        assert client.wait_for("BOUND", timeout=30)["ip_address"] == ADDRESS
    assert message_types(packets)[:2] == [3, 6]
    assert_clean(packets)


def test_dhclient_declines(host_lab: Lab, guest: Guest) -> None:
    """DECLINE is understood and counted."""
    before = received(host_lab, "received_decline")
    with Dhclient(guest, guest.file("leases"), "-e", "DECLINE=1"):
        wait_until(lambda: received(host_lab, "received_decline") > before, "a DECLINE", timeout=15)
