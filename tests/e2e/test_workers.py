"""Ports move between workers, and workers are taken out and in, while a guest talks."""

from __future__ import annotations

import os

from lab import two_hosts


def test_pings_go_on_while_ports_and_workers_change() -> None:
    """Not one of the pings is lost."""
    with two_hosts(start=False) as lab:
        host = lab.hosts[1]
        # Beside the one that every host has.
        host.start_dataplane("--worker-cpus", str(min(os.sched_getaffinity(0))), "--port-worker", "green-1=1")
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

        assert "green-1" in ports_of(1)
        rounds = 6
        pings = guest.start(guest.ping_command("10.1.0.12", count=rounds * 10), "ping")
        for _ in range(rounds):
            for port in ("green-1", console.uplink()["id"]):
                for worker in (0, 1):
                    console.text("set", "port", port, "worker", str(worker))
                    assert port in ports_of(worker)
            console.text("set", "worker", "1", "off")
            assert not ports_of(1)
            console.text("set", "worker", "1", "on")
            assert "green-1" in ports_of(1)
        assert pings.wait(60) == 0
        assert f"{rounds * 10} packets transmitted, {rounds * 10} received" in pings.log
