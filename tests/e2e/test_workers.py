"""Ports and their queues move between workers, and workers are taken out and in, while a guest talks."""

from __future__ import annotations

import os

from lab import Host, two_hosts


def start_with_two_workers(host: Host, *options: str) -> None:
    """A worker beside the one that every host has."""
    host.start_dataplane("--worker-cpus", str(min(os.sched_getaffinity(0))), *options)


def test_pings_go_on_while_ports_and_workers_change() -> None:
    """Not one of the pings is lost."""
    with two_hosts(start=False) as lab:
        host = lab.hosts[1]
        start_with_two_workers(host, "--port-worker", "green-1=1")
        lab.hosts[2].start_dataplane()
        for each in lab.hosts.values():
            each.start_agent()
        lab.apply_examples()
        console, guest = host.console, lab.guests["green-1"]
        guest.configure("10.1.0.1")
        lab.guests["green-2"].configure("10.1.0.1")
        assert guest.reaches("10.1.0.12")

        def ports_of(worker: int) -> set[str]:
            return set(console.json("show", "worker")["workers"][worker]["ports"])

        assert "green-1" in ports_of(1) and "green-1" not in ports_of(0)
        rounds = 6
        pings = guest.start(guest.ping_command("10.1.0.12", count=rounds * 10), "ping")
        for _ in range(rounds):
            for port in ("green-1", console.uplink()["id"]):
                for worker in (0, 1):
                    console.text("set", "port", port, "worker", str(worker))
                    assert port in ports_of(worker) and port not in ports_of(1 - worker)
                for queue in (0, 1):
                    console.text("set", "port", port, "queue", str(queue), "worker", "0")
            console.text("set", "worker", "1", "off")
            assert not ports_of(1)
            console.text("set", "worker", "1", "on")
            console.text("set", "port", "green-1", "queue", "1", "worker", "1")
            assert "green-1" in ports_of(0) & ports_of(1)
        assert pings.wait(60) == 0
        assert f"{rounds * 10} packets transmitted, {rounds * 10} received" in pings.log


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

        def packets() -> list[int]:
            return [worker["packets"] for worker in console.json("show", "worker")["workers"]]

        flows, of_each = 64, 10
        before, received = packets(), console.ports()["green-1"]["rx_packets"]
        guest.run(["/usr/bin/python3", "-c", f"""
import socket
for flow in range({flows}):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range({of_each}):
        sender.sendto(b"x", ("10.1.0.12", 20000 + flow))
"""])
        after = packets()
        spread = [now - then for now, then in zip(after, before)]
        assert console.ports()["green-1"]["rx_packets"] - received >= flows * of_each
        assert flows * of_each // 8 <= spread[1] <= flows * of_each * 7 // 8, spread
        assert guest.ping("10.1.0.12", count=5).received == 5
