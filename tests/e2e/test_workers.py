"""Ports and their queues move between workers, and workers are taken out and in, while a guest talks."""

from __future__ import annotations

import os

import pytest
from lab import Host, Lab, two_hosts, wait_until
from lab.host import UPLINK
from lab.numbered_traffic import NumberedTraffic


def start_with_two_workers(host: Host, *options: str) -> None:
    """A worker beside the one that every host has."""
    host.start_dataplane("--worker-cpus", str(min(os.sched_getaffinity(0))), *options)


def packets_of_workers(host: Host) -> list[int]:
    """How many each worker has had."""
    return [worker["packets"] for worker in host.console.json("show", "worker")["workers"]]


RATE, FLOWS, ROUNDS = 3000, 8, 3  # of numbered packets; of moves


def nothing_is_lost_by_moves(lab: Lab) -> None:
    """Ports and queues of host 1 move to and fro, worker 1 goes and comes; guests on both hosts send and receive.

    A second's packets would not fit into any ring on the way, so no queue may be left alone for long, and each packet
    has a number.
    """
    console = lab.hosts[1].console
    ends = lab.guests["green-1"], lab.guests["green-2"]
    uplink = console.uplink()["id"]

    def ports_of(worker: int) -> set[str]:
        return set(console.json("show", "worker")["workers"][worker]["ports"])

    drops = console.drops()
    traffic = [NumberedTraffic(lab.directory, source, sink, RATE, port, flows=FLOWS)
               for source, sink, port in (ends + (9101,), ends[::-1] + (9102,))]
    for _ in range(ROUNDS):
        for port in ("green-1", uplink):
            for worker in (0, 1):
                console.text("set", "port", port, "worker", str(worker))
                assert port in ports_of(worker) and port not in ports_of(1 - worker)
            for queue in (0, 1):
                console.text("set", "port", port, "queue", str(queue), "worker", "0")
        console.text("set", "worker", "1", "off")
        assert not ports_of(1)
        console.text("set", "worker", "1", "on")
        for port in ("green-1", uplink):
            console.text("set", "port", port, "queue", "1", "worker", "1")
            assert port in ports_of(0) & ports_of(1)
    before = packets_of_workers(lab.hosts[1])
    wait_until(lambda: all(now - then > RATE / 4 for now, then in zip(packets_of_workers(lab.hosts[1]), before)),
               "both workers have packets")
    for each in traffic:
        sent, lost = each.end()
        assert len(sent) > RATE, len(sent)
        assert not lost, (len(sent), len(lost), lost[:20], console.drops() - drops)


def test_nothing_is_lost_while_ports_and_workers_change() -> None:
    """Devices by AF_PACKET."""
    with two_hosts(start=False) as lab:
        host = lab.hosts[1]
        start_with_two_workers(host, "--workers-on", "1", "--port-worker", "green-1=1")
        lab.hosts[2].start_dataplane()
        for each in lab.hosts.values():
            each.start_agent()
        lab.apply_examples()
        lab.guests["green-1"].configure("10.1.0.1")
        lab.guests["green-2"].configure("10.1.0.1")
        assert lab.guests["green-1"].reaches("10.1.0.12")
        workers = host.console.json("show", "worker")["workers"]
        assert [worker["state"] for worker in workers] == ["on", "off"] and not workers[1]["ports"]
        host.console.text("set", "worker", "1", "on")
        of_each = [set(worker["ports"]) for worker in host.console.json("show", "worker")["workers"]]
        assert "green-1" in of_each[1] - of_each[0]
        nothing_is_lost_by_moves(lab)


@pytest.mark.parametrize("transmit_queues", [1, 2])
def test_nothing_is_lost_with_af_xdp(transmit_queues: int) -> None:
    """Devices by AF_XDP with two queues, of which two workers send by one, or by one each."""
    with two_hosts(start=False) as lab:
        host, guest = lab.hosts[1], lab.guests["green-1"]
        for namespace, device, far, far_device in ((host.namespace, UPLINK, lab.underlay, "h1"),
                                                   (host.namespace, guest.device_on_host, guest.namespace, "eth0")):
            namespace.run(["ethtool", "-L", device, "rx", "2", "tx", str(transmit_queues)])
            far.run(["ethtool", "-L", far_device, "tx", "2"])
        host.uplink = f"af_xdp:{UPLINK}"
        start_with_two_workers(host)
        lab.hosts[2].start_dataplane()
        host.start_agent("--port-attach", "af_xdp:{tap_name}")
        lab.hosts[2].start_agent()
        lab.apply_examples()
        guest.configure("10.1.0.1")
        lab.guests["green-2"].configure("10.1.0.1")
        assert guest.reaches("10.1.0.12")
        devices = {entry["device"]: entry for entry in host.console.json("show", "xdp")["devices"]}
        for name in (UPLINK, guest.device_on_host):
            assert devices[name]["receive_queues"] == 2, devices
        nothing_is_lost_by_moves(lab)


def test_flows_of_a_guest_are_spread_over_its_queues() -> None:
    """Each flow stays on one, and the worker that polls it has the flow's packets."""
    with two_hosts(start=False) as lab:
        host = lab.hosts[1]
        start_with_two_workers(host)
        lab.hosts[2].start_dataplane("--queues", "1")
        for each in lab.hosts.values():
            each.start_agent()
        lab.apply_examples()
        console, guest = host.console, lab.guests["green-1"]
        guest.configure("10.1.0.1")
        lab.guests["green-2"].configure("10.1.0.1")
        assert guest.reaches("10.1.0.12")

        def workers_of(port: str) -> list[int]:
            return console.json("show", "port", port)["ports"][0]["workers"]

        assert sorted(workers_of("green-1")) == [0, 1]
        assert sorted(workers_of(console.uplink()["id"])) == [0, 1]
        # Nothing but one queue of this guest is worker 1's.
        for port in console.ports():
            console.text("set", "port", port, "worker", "0")
        console.text("set", "port", "green-1", "queue", "1", "worker", "1")
        assert workers_of("green-1") == [0, 1]

        flows, of_each = 64, 10
        before, received = packets_of_workers(host), console.ports()["green-1"]["rx_packets"]
        guest.run(["/usr/bin/python3", "-c", f"""
import socket
for flow in range({flows}):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range({of_each}):
        sender.sendto(b"x", ("10.1.0.12", 20000 + flow))
"""])
        after = packets_of_workers(host)
        spread = [now - then for now, then in zip(after, before)]
        assert console.ports()["green-1"]["rx_packets"] - received >= flows * of_each
        assert flows * of_each // 8 <= spread[1] <= flows * of_each * 7 // 8, spread
        assert guest.ping("10.1.0.12", count=5).received == 5
