"""Offload switched on where no device has a switch in hardware: everything goes on in software, and says why."""

from __future__ import annotations

import pytest
from lab import two_hosts
from lab.programs import program
from lab.shell import run

# Of a kernel's device, whose driver isn't even asked.
REASON = "its sender leaves checksums open"


def test_devices_without_rte_flow_stay_softwares() -> None:
    """The process starts with every option, says why each port is software's, and can be switched."""
    with two_hosts(start=False) as lab:
        host = lab.hosts[1]
        host.start_dataplane("--offload", "on", "--offload-after", "3", "--offload-idle", "5", "--max-offloaded", "100")
        lab.hosts[2].start_dataplane()
        for each in lab.hosts.values():
            each.start_agent()
        lab.apply_examples()
        console, guest, peer = host.console, lab.guests["green-1"], lab.guests["green-2"]
        guest.configure("10.1.0.1")
        peer.configure("10.1.0.1")

        shown = console.json("show", "offload")
        assert shown["offload"]["on"] is True
        assert (shown["offload"]["after_packets"], shown["offload"]["idle_seconds"]) == (3, 5)
        assert (shown["offload"]["capacity"], shown["offload"]["connections"]) == (100, 0)
        assert {port["id"]: port["reason"] for port in shown["ports"]} == dict.fromkeys(console.ports(), REASON)
        assert {port["forwards"] for port in shown["ports"]} == {"software"}
        assert REASON in console.text("show", "offload")

        def exchange() -> None:
            peer.iperf3_server()
            assert guest.iperf3("10.1.0.12", seconds=1)["end"]["sum_received"]["bytes"] > 0

        exchange()
        shown = console.json("set", "offload", "off")
        assert shown["offload"]["on"] is False
        assert {port["reason"] for port in shown["ports"]} == {"offload is switched off"}
        exchange()
        assert console.json("set", "offload", "on")["offload"]["on"] is True
        exchange()
        shown = console.json("show", "offload")
        assert {port["reason"] for port in shown["ports"]} == {REASON}
        assert shown["errors"] == []
        assert (shown["offload"]["installed"], shown["offload"]["refused_full"]) == (0, 0)
        assert not any(connection["offloaded"] for connection in console.json("show", "conntrack")["connections"])


@pytest.mark.parametrize("option, value", [("--offload", "maybe"), ("--offload-after", "-1"), ("--offload-idle", "1"),
                                           ("--max-offloaded", "15")])
def test_wrong_values_are_told_by_name(option: str, value: str) -> None:
    """Nothing is started with them."""
    done = run([program("alkaid-dataplane"), "--uplink", "dev:none", option, value], check=False)
    assert done.returncode != 0
    assert option in done.stdout + done.stderr
