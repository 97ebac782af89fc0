"""Guests that are VLANs of one device, tagged and untagged by their own kernels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import GoalState, Lab, wait_until
from lab.trunk import Trunk, VlanGuest

NAMES = ("green-1", "red-1")


@pytest.fixture(scope="module")
def trunk() -> Iterator[Trunk]:
    """Host 1 has its guests behind a trunk, host 2 has devices for them."""
    lab = Lab()
    try:
        for number in (1, 2):
            host = lab.add_host(number)
            for name, subnet in (("green", 1), ("red", 2)):
                lab.add_guest(host, f"{name}-{number}", f"02:00:00:00:0{subnet}:1{number}", f"10.{subnet}.0.1{number}",
                              plugged=number == 2)
        made = Trunk(lab, lab.hosts[1])
        for name in NAMES:
            made.connect(lab.guests[name])
        host = lab.hosts[1]
        host.start_dataplane("--trunk", f"trunk0=af_packet:{made.device}")
        host.start_agent("--port-attach", "vlan:trunk0/{vlan:100-101}")
        host.push(GoalState.example(1))
        for name in NAMES:
            host.wait_for_port(name, "waiting")
        made.plug()
        for name in NAMES:
            host.wait_for_port(name)
            made.put_into_vlan(lab.guests[name], made.vlan_of(name))
        lab.hosts[2].start_dataplane()
        lab.hosts[2].start_agent()
        lab.hosts[2].push(GoalState.example(2))
        for name in ("green-2", "red-2"):
            lab.hosts[2].wait_for_port(name)
        for guest in lab.guests.values():
            assert guest.lease()["ip"] == guest.address
        yield made
    finally:
        lab.close()


def test_guests_of_one_device_are_apart_and_reach_each_other(trunk: Trunk) -> None:
    """DHCP (in the fixture), ARP, ping and TCP from VLAN to VLAN and to another host."""
    lab, console = trunk.lab, trunk.host.console
    assert {trunk.vlan_of(name) for name in NAMES} == {100, 101}
    listing = console.ports()
    assert listing["trunk:trunk0"]["kind"] == "trunk"
    assert listing["green-1"]["driver"] == "net_af_packet"
    guest = lab.guests["green-1"]
    for destination in ("10.2.0.11", "10.1.0.12", "10.2.0.12"):
        assert guest.ping(destination).received == 3, destination
    # As large as without a tag.
    assert guest.run(["ping", "-n", "-c", "1", "-W", "5", "-M", "do", "-s", "1422", "10.1.0.12"],
                     check=False).returncode == 0
    for name, address in (("green-2", "10.1.0.12"), ("red-1", "10.2.0.11")):
        server = lab.guests[name].iperf3_server()
        assert guest.iperf3(address)["end"]["sum_received"]["bytes"] > 100_000, name
        server.wait(10)


def test_other_frames_are_counted_drops(trunk: Trunk) -> None:
    """Untagged ones, and those of nobody's VLAN."""
    console, guest = trunk.host.console, trunk.lab.guests["green-1"]
    frame = bytes.fromhex("ffffffffffff" + guest.mac.replace(":", ""))
    before = console.drops("trunk:trunk0")
    for kind in (b"\x08\x00" + bytes(50), b"\x81\x00\x00\x63\x08\x00" + bytes(50)):
        trunk.send_to_host([frame + kind])
    wait_until(lambda: console.drops("trunk:trunk0")["vlan_missing"] > before["vlan_missing"]
               and console.drops("trunk:trunk0")["vlan_unknown"] > before["vlan_unknown"], "both are counted")


def test_vlans_are_kept(trunk: Trunk) -> None:
    """When the device comes back, and when agent and data plane are killed one after the other."""
    host, guest = trunk.host, trunk.lab.guests["green-1"]
    given = {name: trunk.vlan_of(name) for name in NAMES}

    trunk.unplug()
    for name in NAMES:
        assert "trunk0" in host.wait_for_port(name, "waiting")["detail"]
    trunk.plug()
    for name in NAMES:
        host.wait_for_port(name)
    assert guest.reaches("10.1.0.12")

    host.dataplane.kill()
    host.start_dataplane("--trunk", f"trunk0=af_packet:{trunk.device}")
    for name in NAMES:
        host.wait_for_port(name, timeout=20)
    assert {name: trunk.vlan_of(name) for name in NAMES} == given
    assert guest.reaches("10.1.0.12")

    host.agent.kill()
    host.start_agent("--port-attach", "vlan:trunk0/{vlan:100-101}")
    operations = host.console.operations()
    host.push(GoalState.example(1))
    assert host.console.operations() == operations
    assert {name: trunk.vlan_of(name) for name in NAMES} == given
    assert guest.reaches("10.2.0.11")


MOST_VLANS = 4094
GATEWAY = "10.1.0.1"


def full_trunk(number: int) -> tuple[list[VlanGuest], GoalState]:
    """A guest in every VLAN of a trunk, and the goal state that says so."""
    goal_state = GoalState.example(1)
    goal_state.configuration("subnet", "green")["cidr"] = "10.1.0.0/16"
    guests = [VlanGuest(vlan, f"02:00:01:0{number}:{vlan >> 8:02x}:{vlan & 255:02x}",
                        f"10.1.{(1 + number) * 64 + (vlan >> 8)}.{vlan & 255}") for vlan in range(1, MOST_VLANS + 1)]
    for guest in guests:
        port = f"many-{number}-{guest.vlan}"
        goal_state.copy_resource(
            "port", "green-1", port, id=port, name=f"trunk{number}", device_id=str(guest.vlan),
            mac_address=guest.mac, fixed_ips=[{"subnet_id": "green", "ip_address": guest.address}])
    for kind in ("port", "dhcp", "neighbor"):
        for name in [name for name in goal_state.states(kind) if not name.startswith("many-")]:
            del goal_state.states(kind)[name]
    goal_state.content["host_resources"] = {}
    return guests, goal_state


def test_every_vlan_of_two_devices_is_a_port() -> None:
    """8,188 ports on two devices, named by the goal state; the gateway answers in each of their VLANs."""
    lab = Lab()
    try:
        host = lab.add_host(1)
        trunks = [Trunk(lab, host, number) for number in (0, 1)]
        for trunk in trunks:
            trunk.plug()
        host.start_dataplane(*(word for number, trunk in enumerate(trunks)
                               for word in ("--trunk", f"trunk{number}=af_packet:{trunk.device}")))
        host.start_agent("--port-attach", "vlan:{port_name}/{device_id}")
        fleets = []
        for number in (0, 1):
            guests, goal_state = full_trunk(number)
            host.push(goal_state, timeout=120)
            fleets.append(guests)
        ports = host.console.guest_ports()
        assert len(ports) == 2 * MOST_VLANS
        assert {port["state"] for port in ports.values()} == {"up"}
        assert len({port["attachment"] for port in ports.values()}) == 2 * MOST_VLANS
        for trunk, guests in zip(trunks, fleets, strict=True):
            assert sorted(set(trunk.ask_for_gateway(guests, GATEWAY))) == list(range(1, MOST_VLANS + 1))
        assert not {"vlan_unknown", "vlan_missing", "spoofed_mac"} & set(host.console.drops())
    finally:
        lab.close()
