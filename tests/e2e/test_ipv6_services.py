"""DHCPv6 and router advertisements with real clients: dhclient -6, Linux SLAAC, rdisc6; tshark as the judge."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lab import GoalState, Lab, two_hosts, wait_until
from lab.capture import Capture

# fe80::/64 with the modified EUI-64 of the red gateway's MAC, 02:00:00:00:02:01, and of the green one's.
RED_ROUTER = "fe80::ff:fe00:201"
GREEN_ROUTER = "fe80::ff:fe00:101"
DNS = "2001:db8::53"


@pytest.fixture(scope="module")
def v6(lab: Lab) -> Lab:
    """The example network, in which red's addresses come by DHCPv6 and green's by SLAAC."""
    return lab


@pytest.fixture(scope="module")
def stateless() -> Iterator[Lab]:
    """Green with addresses by SLAAC and the rest by DHCPv6."""
    with two_hosts() as lab:
        goal_state = GoalState.example(1)
        subnet = goal_state.configuration("subnet", "green-v6")
        subnet["extra_dhcp_options"] = [{"name": "ipv6_address_mode", "value": "dhcpv6-stateless"},
                                        {"name": "domain-search", "value": "green.example,example"}]
        lab.hosts[1].push(goal_state)
        lab.hosts[1].wait_for_port("green-1")
        yield lab


def addresses(lab: Lab, name: str) -> list[str]:
    """The guest's global IPv6 addresses."""
    listing = json.loads(lab.guests[name].run(["ip", "-json", "-6", "addr", "show", "dev", "eth0", "scope",
                                               "global"]).stdout)
    return [entry["local"] for link in listing for entry in link.get("addr_info", []) if "local" in entry]


def default_routes(lab: Lab, name: str) -> list[dict[str, str]]:
    """The guest's IPv6 default routes."""
    return list(json.loads(lab.guests[name].run(["ip", "-json", "-6", "route", "show", "default"]).stdout))


def no_complaints(capture: Capture, what: str) -> None:
    """tshark decodes the frames without a warning."""
    assert capture.count(what) > 0
    assert capture.count(f"({what}) && _ws.malformed") == 0
    assert capture.count(f"({what}) && _ws.expert.severity >= 0x600000") == 0


def test_stateful_lease(v6: Lab) -> None:
    """dhclient -6 gets the port's address and DNS; the router comes from advertisements, which give no address."""
    guest = v6.guests["red-1"]
    with Capture(guest.namespace, "eth0", guest.file("stateful.pcap")) as capture:
        guest.enable_ipv6(accept_advertisements=True)
        lease = guest.lease_v6()
    assert lease["ip"] == guest.address_v6
    assert lease["dns"] == DNS
    assert lease["valid"] == "86400"
    assert lease["serverid"] == "0:3:0:1:2:0:0:0:2:1", "the gateway's MAC, wherever the guest is"
    assert addresses(v6, "red-1") == [guest.address_v6]
    wait_until(lambda: [route["gateway"] for route in default_routes(v6, "red-1")] == [RED_ROUTER],
               "the default route")
    # Of what we send: the guest leaves its own checksums open.
    no_complaints(capture, "dhcpv6 && udp.srcport == 547")
    assert capture.count("dhcpv6.msgtype == 7") >= 1
    # Solicited or not: M and O, and the prefix without A.
    assert {tuple(row) for row in capture.frames("icmpv6.type == 134", "icmpv6.nd.ra.flag.m", "icmpv6.nd.ra.flag.o",
                                                 "icmpv6.opt.prefix.flag.a")} == {("1", "1", "0")}


def test_autoconfiguration(v6: Lab) -> None:
    """Linux makes its own address of the prefix and takes router, MTU and DNS from the advertisement."""
    guest = v6.guests["green-1"]
    with Capture(guest.namespace, "eth0", guest.file("slaac.pcap")) as capture:
        guest.enable_ipv6(accept_advertisements=True)
        guest.wait_for_address_v6()
        found = guest.run(["rdisc6", "-1", "-w", "3000", "eth0"]).stdout
    assert [route["gateway"] for route in default_routes(v6, "green-1")] == [GREEN_ROUTER]
    # 1,500 of the underlay less 50 of the encapsulation.
    assert guest.run(["cat", "/proc/sys/net/ipv6/conf/eth0/mtu"]).stdout.strip() == "1450"
    assert f"Recursive DNS server     : {DNS}" in found, found
    assert "Prefix                   : fd00:10:1::/64" in found, found
    assert "MTU                      :         1450 bytes" in found, found
    no_complaints(capture, "icmpv6.type == 134")
    assert {tuple(row) for row in capture.frames("icmpv6.type == 134", "icmpv6.nd.ra.flag.m", "icmpv6.nd.ra.flag.o",
                                                 "icmpv6.opt.prefix.flag.a")} == {("0", "0", "1")}


def test_advertisements_come_unasked(v6: Lab) -> None:
    """A guest that never asked hears of its router, since its port came up or its subnet changed."""
    counters = {counter["name"]: counter["value"] for counter in v6.hosts[1].console.json("show", "dhcp")["counters"]}
    assert counters["sent_unsolicited_router_advertisement"] > 0
    assert counters["dhcpv6_sent_reply"] >= 0


def test_stateless_information(stateless: Lab) -> None:
    """The address is the guest's own, the rest is told by DHCPv6."""
    guest = stateless.guests["green-1"]
    guest.enable_ipv6(accept_advertisements=True)
    guest.wait_for_address_v6()
    lease = guest.lease_v6("-S")
    assert lease["dns"] == DNS
    assert lease["search"].split() == ["green.example.", "example."]
    assert addresses(stateless, "green-1") == [guest.address_v6]


@pytest.mark.parametrize("name", ["red-1", "red-2"])
def test_leases_reach_each_other(v6: Lab, name: str) -> None:
    """Addresses by DHCPv6 and by SLAAC serve: pings go to the other host and to the other subnet."""
    for port in ("red-1", "red-2"):
        guest = v6.guests[port]
        if guest.address_v6 not in addresses(v6, port):
            guest.enable_ipv6(accept_advertisements=True)
            guest.lease_v6()
        guest.wait_for_address_v6()
    other = "red-2" if name == "red-1" else "red-1"
    assert v6.guests[name].reaches(v6.guests[other].address_v6)
