"""The benchmarks' own parts: their frames are right, their rules are what they promise, and a line can be measured."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.programs import PYTHON, SOURCE, build_directory
from lab.shell import run

sys.path.insert(0, str(SOURCE / "perf"))

# pylint: disable=wrong-import-position
from lib.frames import Station, syn_frames, udp_frame, udp_frames  # noqa: E402
from lib.rules import random_rules  # noqa: E402
from scapy.layers.inet import IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

ENDS = {4: (Station("02:00:00:00:01:11", "10.1.0.11"), Station("02:00:00:00:01:12", "10.1.0.12")),
        6: (Station("02:00:00:00:01:11", "fd00:10:1::11"), Station("02:00:00:00:01:12", "fd00:10:1::12"))}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("reply", [False, True])
def test_frames_are_what_scapy_makes(family: int, reply: bool) -> None:
    """Patched templates and single frames agree, and with scapy's checksums."""
    source, destination = ENDS[family]
    flows = [0, 1, 59999, 60000, 1234567]
    frames = list(udp_frames(source, destination, destination.mac, flows, reply=reply))
    assert frames == [udp_frame(source, destination, destination.mac, flow, reply=reply) for flow in flows]
    for frame in frames:
        again = Ether(frame)
        if family == 6:
            del again[UDP].chksum
        else:
            del again[IP].chksum
        assert bytes(again) == frame
    assert len(set(frames)) == len(flows)
    assert (IPv6 if family == 6 else IP) in Ether(frames[0])


def test_syns_have_right_checksums() -> None:
    """Patched sums agree with scapy's."""
    source, destination = ENDS[4]
    addresses = [int(address) for address in ipaddress.ip_network("10.1.128.0/17").hosts()][:7]
    frames = list(syn_frames(source, destination, addresses, 20))
    assert len(set(frames)) == 20
    for frame in frames:
        again = Ether(frame)
        del again[IP].chksum
        del again[TCP].chksum
        assert bytes(again) == frame


@pytest.mark.parametrize("remote", ["10.2.0.12", "fd00:10:2::12"])
def test_only_the_last_rule_lets_the_flows_pass(remote: str) -> None:
    """1,000 distinct rules, of which one matches."""
    rules = random_rules("group", 1000, egress=True, remote=remote, ports=(1024, 1040))
    assert len({json.dumps({**rule, "id": ""}) for rule in rules}) == 1000
    matching = [number for number, rule in enumerate(rules)
                if rule["protocol"] == "UDP" and rule["port_range_min"] <= 1030 <= rule["port_range_max"]
                and ipaddress.ip_address(remote) in ipaddress.ip_network(rule["remote_ip_prefix"])]
    assert matching == [999]


def test_wrong_flags_are_told() -> None:
    """Exit code 2 and a text that names the flag."""
    finished = run([PYTHON, SOURCE / "perf/pipeline", "--flows", "many"], check=False)
    assert finished.returncode == 2
    assert "--flows many" in finished.stderr


def test_a_line_can_be_measured() -> None:
    """The output is compared, a figure comes out, and the hugepages are given back."""
    pages = Path("/proc/sys/vm/nr_hugepages").read_text()
    finished = subprocess.run([PYTHON, SOURCE / "perf/pipeline", "--flows", "100", "--rules", "10", "--seconds", "1",
                               "--json"], env={"ALKAID_BUILD": str(build_directory()), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                              capture_output=True, text=True, timeout=120, check=False)
    if "hugepages" in finished.stderr:
        pytest.skip(finished.stderr.strip())
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)["results"][0]
    assert result["compared_flows"] == 100
    assert 20 < result["cycles_per_packet"] < 5000
    assert Path("/proc/sys/vm/nr_hugepages").read_text() == pages


@pytest.mark.parametrize("flags", [["--neighbors", "1,2000"],
                                   ["--neighbors", "300", "--messages", "300"],
                                   ["--neighbors", "500", "--ports", "20", "--clients", "4"],
                                   ["--neighbors", "100", "--first-packet", "pcap"]])
def test_goal_states_can_be_measured(flags: list[str]) -> None:
    """Every neighbor of the sample carries a packet, and a figure comes out."""
    finished = subprocess.run([PYTHON, SOURCE / "perf/goalstate", *flags, "--rounds", "1", "--json"],
                              env={"ALKAID_BUILD": str(build_directory()), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                              capture_output=True, text=True, timeout=120, check=False)
    if "hugepages" in finished.stderr:
        pytest.skip(finished.stderr.strip())
    assert finished.returncode == 0, finished.stderr
    for result in json.loads(finished.stdout)["results"]:
        assert result["milliseconds"] > 0
        assert "first_packet_milliseconds" in result or result["carried"] == min(result["neighbors"], 100)


def test_restarts_can_be_measured() -> None:
    """An agent that comes back writes nothing, a data plane that comes back gets all of it."""
    finished = subprocess.run([PYTHON, SOURCE / "perf/restart", "--neighbors", "200", "--rounds", "1", "--json"],
                              env={"ALKAID_BUILD": str(build_directory()), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                              capture_output=True, text=True, timeout=120, check=False)
    if "hugepages" in finished.stderr:
        pytest.skip(finished.stderr.strip())
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)["results"][0]
    assert result["agent_operations"] == 0
    assert result["agent_serves_milliseconds"] > 0
    assert result["refilled_milliseconds"] > 0


def test_a_fleet_can_be_measured() -> None:
    """Every push to every agent is answered with success, and idle channels can be counted."""
    for flags, key in ((["--agents", "5", "--pushers", "3", "--pushes", "60"], "pushes_per_second"),
                       (["--idle-channels", "20"], "idle_channels")):
        finished = subprocess.run([PYTHON, SOURCE / "perf/fleet", *flags, "--json"],
                                  env={"ALKAID_BUILD": str(build_directory()), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                                  capture_output=True, text=True, timeout=120, check=False)
        assert finished.returncode == 0, finished.stderr
        assert json.loads(finished.stdout)["results"][0][key] > 0
