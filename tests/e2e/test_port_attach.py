"""How guests attach: devices that come late, go away and come back, and TAPs of the data plane's own."""

from __future__ import annotations

from lab import GoalState, Host, Lab, wait_until


def pending(host: Host) -> set[str]:
    """Ids of the resources that wait for something."""
    return {problem["resource_id"] for problem in host.console.problems("pending")}


def test_a_port_waits_for_its_device(unplugged_lab: Lab) -> None:
    """PENDING until the device exists; then it is attached without another push, and says so."""
    lab = unplugged_lab
    lab.start()
    for host in lab.hosts.values():
        reply = host.push(GoalState.example(host.number))
        assert "PENDING" in reply, reply
    host = lab.hosts[1]
    port = host.wait_for_port("green-1", "waiting")
    assert "tapgreen-1" in port["detail"]
    assert pending(host) == {"green-1", "red-1"}
    assert not host.console.events("port_attached")

    for number, name in ((1, "green-1"), (2, "green-2")):
        lab.plug(lab.hosts[number], lab.guests[name])
        lab.hosts[number].wait_for_port(name)
    wait_until(lambda: "green-1" in [event["resource_id"] for event in host.console.events("port_attached")],
               "an event tells that green-1 is attached")
    wait_until(lambda: pending(host) == {"red-1"}, "only red-1 is pending")
    assert lab.guests["green-1"].lease()["ip"] == "10.1.0.11"
    assert lab.guests["green-2"].lease()["ip"] == "10.1.0.12"
    assert lab.guests["green-1"].ping("10.1.0.12").received == 3


def test_a_device_that_goes_away_and_comes_back(unplugged_lab: Lab) -> None:
    """The guest is rebuilt: its device vanishes under the data plane and appears again."""
    lab = unplugged_lab
    for name, number in (("green-1", 1), ("green-2", 2), ("red-1", 1), ("red-2", 2)):
        lab.plug(lab.hosts[number], lab.guests[name])
    lab.start()
    lab.apply_examples()
    for name in ("green-1", "green-2", "red-1"):
        lab.guests[name].lease()
    assert lab.guests["green-1"].ping("10.1.0.12").received == 3

    host, guest = lab.hosts[1], lab.guests["green-1"]
    for _ in range(3):
        lab.unplug(host, guest)
        host.wait_for_port("green-1", "waiting")
        # The others don't notice.
        assert lab.guests["red-1"].ping("10.1.0.12").received == 3
        lab.plug(host, guest)
        host.wait_for_port("green-1")
        assert guest.lease()["ip"] == "10.1.0.11"
        assert guest.ping("10.1.0.12").received == 3


def test_a_port_is_deleted_and_created_again(unplugged_lab: Lab) -> None:
    """DELETE detaches the device; CREATE attaches it again."""
    lab = unplugged_lab
    host, guest = lab.hosts[1], lab.guests["green-1"]
    lab.plug(host, guest)
    host.start_dataplane()
    host.start_agent()
    goal_state = GoalState.example(1)
    for _ in range(3):
        host.push(goal_state)
        host.wait_for_port("green-1")
        assert guest.lease()["ip"] == "10.1.0.11"
        assert guest.ping("10.1.0.1").received == 3
        deletion = goal_state.copy()
        deletion.states("port")["green-1"]["operation_type"] = "DELETE"
        host.push(deletion)
        wait_until(lambda: "green-1" not in host.console.ports(), "green-1 is gone")
        assert guest.ping("10.1.0.1", count=1).received == 0


def test_taps_of_the_data_plane(unplugged_lab: Lab) -> None:
    """With tap: the data plane creates the device, the guest takes it, and it goes with the data plane."""
    lab = unplugged_lab
    for host in lab.hosts.values():
        host.start_dataplane()
        host.start_agent("--port-attach", "tap:{tap_name}")
    lab.apply_examples()
    for number, name in ((1, "green-1"), (2, "green-2"), (2, "red-2")):
        guest = lab.guests[name]
        device = guest.device_on_host
        lab.hosts[number].namespace.run(["ip", "link", "set", device, "netns", guest.namespace.name])
        guest.run(["ip", "link", "set", device, "name", "eth0", "address", guest.mac])
        guest.run(["ip", "link", "set", "eth0", "up"])
        assert guest.lease()["ip"] == guest.address
    guest = lab.guests["green-1"]
    assert guest.ping("10.1.0.12").received == 3
    assert guest.ping("10.2.0.12").received == 3
    server = lab.guests["green-2"].iperf3_server()
    assert guest.iperf3("10.1.0.12")["end"]["sum_received"]["bytes"] > 100_000
    server.wait(10)

    lab.hosts[1].dataplane.stop()
    wait_until(lambda: not guest.namespace.has_device("eth0"), "the TAP is gone with the data plane")


def test_af_xdp_waits_attaches_and_survives_a_kill(unplugged_lab: Lab) -> None:
    """af_xdp: binds a device that others make, pending until it exists; again after kill -9."""
    lab = unplugged_lab
    for host in lab.hosts.values():
        host.start_dataplane()
        host.start_agent("--port-attach", "af_xdp:{tap_name}")
        host.push(GoalState.example(host.number))
    host = lab.hosts[1]
    host.wait_for_port("green-1", "waiting")
    assert "green-1" in pending(host)
    for number, name in ((1, "green-1"), (2, "green-2"), (2, "red-2")):
        lab.plug(lab.hosts[number], lab.guests[name])
        lab.hosts[number].wait_for_port(name)
        assert lab.guests[name].lease()["ip"] == lab.guests[name].address
    guest = lab.guests["green-1"]
    assert host.console.ports()["green-1"]["driver"] == "af_xdp"
    assert guest.ping("10.1.0.12").received == 3
    assert guest.ping("10.2.0.12").received == 3
    server = lab.guests["green-2"].iperf3_server()
    assert guest.iperf3("10.1.0.12")["end"]["sum_received"]["bytes"] > 100_000
    server.wait(10)

    host.dataplane.kill()
    host.start_dataplane()
    host.wait_for_port("green-1")
    wait_until(lambda: guest.ping("10.1.0.12").received == 3, "green-1 is back after the kill")
