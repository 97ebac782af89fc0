"""The benchmarks' own parts: their frames are right, their rules are what they promise, and a line can be measured."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.programs import PYTHON, SOURCE, build_directory
from lab.shell import run

sys.path.insert(0, str(SOURCE / "perf"))

# pylint: disable=wrong-import-position
from lib.frames import Station, syn_frames, udp_frame, udp_frames  # noqa: E402
from lib.lines import LINES  # noqa: E402
from lib.rules import random_rules  # noqa: E402
from lib.segments import segment_frames  # noqa: E402
from scapy.layers.inet import IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

ENVIRONMENT = {**os.environ, "ALKAID_BUILD": str(build_directory()), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
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


@pytest.mark.parametrize("family", [4, 6])
def test_segments_continue_each_other(family: int) -> None:
    """Of each connection in turn, without a gap, with checksums as scapy's."""
    source, destination = ENDS[family]
    frames = [Ether(frame) for frame in segment_frames(source, destination, 1450, 3, range(12))]
    for number, frame in enumerate(frames):
        again = frame.copy()
        del again[TCP].chksum
        if family == 4:
            del again[IP].chksum
            assert (frame[IP].id, str(frame[IP].flags)) == (number // 3, "DF")
        assert bytes(again) == bytes(frame)
        assert len(frame) == 1464
        later = frames[number + 3:number + 4]
        assert all((next_one[TCP].sport, next_one[TCP].seq) ==
                   (frame[TCP].sport, frame[TCP].seq + len(frame[TCP].payload)) for next_one in later)
    assert len({frame[TCP].sport for frame in frames}) == 3


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


def measured(script: str, *flags: str) -> list[dict[str, Any]]:
    """The results of a script of perf/. Skips the test where the machine has no hugepages to give."""
    finished = subprocess.run([PYTHON, SOURCE / "perf" / script, *flags, "--json"], env=ENVIRONMENT, capture_output=True,
                              text=True, timeout=180, check=False)
    if finished.returncode == 1 and "hugepages of 2 MiB are needed" in finished.stderr:
        pytest.skip(finished.stderr.strip())
    assert finished.returncode == 0, finished.stderr
    results: list[dict[str, Any]] = json.loads(finished.stdout)["results"]
    return results


@pytest.mark.parametrize(("script", "flags", "named"), [
    ("pipeline", ["--flows", "many"], "--flows many"),
    ("connections", ["--rules", "many"], "--rules: many"),
    ("connections", ["--table", "1000000", "--flows", "1000000"], "--flows 1000000"),
    ("scaling", ["--workers", "1"], "--workers"),
    ("largest", ["--refused", "512"], "--refused"),
    ("goalstate", ["--port-batch"], "--port-batch"),
])
def test_wrong_flags_are_told(script: str, flags: list[str], named: str) -> None:
    """Exit code 2 and a text that names the flag."""
    finished = run([PYTHON, SOURCE / "perf" / script, *flags], check=False)
    assert finished.returncode == 2
    assert named in finished.stderr.splitlines()[-1]


@pytest.mark.parametrize(("direction", "family", "path"), [
    ("encap", 4, {"port-rx", "guest-flow", "port-tx"}),
    ("decap", 6, {"port-rx", "wire-flow", "port-tx"}),
    ("local", 4, {"port-rx", "guest-flow", "port-tx"}),
])
def test_a_line_can_be_measured(direction: str, family: int, path: set[str]) -> None:
    """The output is compared, a figure comes out, and the hugepages are given back."""
    pages = Path("/proc/sys/vm/nr_hugepages").read_text()
    result, = measured("pipeline", "--direction", direction, "--family", str(family), "--flows", "100", "--rules", "10",
                       "--seconds", "0.5")
    assert result["flows"] == result["compared_flows"] == 100
    assert 20 < result["cycles_per_packet"] < 5000
    assert (result["direction"], result["family"], result["rules"]) == (direction, family, 10)
    assert result["peer_cycles_per_packet"] is None and result["ratio"] is None
    assert path <= result["nodes"].keys()
    assert Path("/proc/sys/vm/nr_hugepages").read_text() == pages


def test_new_connections_can_be_measured() -> None:
    """Every packet begins one, counted from the table; the keys are those of perf/pipeline and more."""
    result, = measured("connections", "--table", "4096", "--rules", "10", "--peer", "none", "--seconds", "0.5")
    assert result["flows"] == 8601 and result["compared_flows"] == 200
    assert result["connections_per_second"] > 10000
    assert result["connections_per_second"] == pytest.approx(result["packets_per_second"], rel=0.5)
    assert result["cycles_per_packet"] > 100 and result["bytes_per_connection"] > 100
    assert {key: result[key] for key in ("peer", "peer_connections_per_second", "peer_cycles_per_packet", "ratio")} == {
        "peer": None, "peer_connections_per_second": None, "peer_cycles_per_packet": None, "ratio": None}


def test_workers_can_be_compared() -> None:
    """One worker and two, in turns, with the same sources."""
    result, = measured("scaling", "--flows", "100", "--rules", "10", "--rounds", "1", "--seconds", "0.5")
    assert result["workers"] == 2 and result["compared_flows"] > 0
    assert result["times"] == round(result["packets_per_second"] / result["one_worker_packets_per_second"], 2) > 0.5


def test_rule_updates_can_be_measured() -> None:
    """Two removals, two additions and four changes, each enforced at the reply."""
    result, = measured("rule_update", "--rules", "50", "--repeats", "2")
    assert result["changes"] == 8 and result["compared_flows"] == 200
    for what in ("removed_ms", "added_ms", "changed_ms", "all_ms"):
        assert 0 < result[what]["median"] <= result[what]["percentile_99"] <= result[what]["most"]


def test_churn_can_be_measured() -> None:
    """With as many updates as were asked for, and no packet lost."""
    result, = measured("churn", "--flows", "1000", "--rules", "10", "--updates", "500", "--seconds", "2")
    assert result["updates_per_second"] >= 475 and result["rule_changes"] >= 5
    assert result["compared_flows"] == 200
    assert result["slow_down_percent"] == pytest.approx(
        (result["cycles_per_packet"] / result["quiet_cycles_per_packet"] - 1) * 100, abs=0.1)


def test_floods_can_be_measured() -> None:
    """SYNs fill the table and go on; what is left of the others' flows is a figure of both rates."""
    result, = measured("flood", "--table", "4096", "--seconds", "3")
    assert result["table_used"] > 0.95 * result["table"]
    assert result["floods_per_second"] > 10000 and result["evicted_per_second"] > 10000
    assert result["goodput_percent"] == pytest.approx(100 * result["during_mbit"] / result["before_mbit"], abs=0.2)


def test_attacks_can_be_measured() -> None:
    """Crafted packets open connections in a full table beside established flows."""
    result, = measured("attack", "--flows", "100", "--rules", "10", "--table", "4096", "--seconds", "0.5")
    assert result["nodes"].keys() == {"alone", "benign", "crafted"}
    assert result["connections_per_second"] > 0 and result["attacking_packets"] > 0
    assert result["times"] == pytest.approx(result["cycles_per_packet"] / result["benign_cycles_per_packet"], abs=0.01)


def test_offload_can_be_measured() -> None:
    """Connections get their rules, and the result alone is on standard output."""
    result, = measured("offload", "--connections", "1024")
    assert result["connections"] == 1024 and result["rules_per_connection"] == 4
    assert result["install_cycles"] > result["offload_thread_cycles"] > 0
    assert result["remove_cycles"] > 0 and result["rules_per_second"] > 0


def test_segmentation_can_be_measured() -> None:
    """Both ways, with as many segments as there should be."""
    result, = measured("segmentation", "--packets", "40", "--rounds", "1")
    assert (result["payload"], result["segments"]) == (62100, 45)
    assert result["software_cycles_per_segment"] > 0 and result["card_cycles_per_segment"] > 0


def canned(name: str) -> dict[str, Any]:
    """A result of a line, as its script prints it, with the figures that the tables show."""
    result: dict[str, Any] = {"flows": 1000, "rules": 1000, "family": 4, "direction": "encap", "cycles_per_packet": 120.5,
                              "peer_cycles_per_packet": 900.0, "ratio": 7.47, "io_floor": 50.0,
                              "nodes": {"port-rx": 30.0, "guest-flow": 80.5}}
    if LINES[name].script == "goalstate":
        result = {"neighbors": 1000000, "agent_bytes_per_neighbor": 315}
    elif LINES[name].script in ("ondemand", "restart", "largest", "fleet"):
        result = {"neighbors": 100000, "destinations": 10000, "lost": 0, "agent_operations": 0, "refilled_milliseconds": 193.0,
                  "served_mib": 500, "agent_peak_mib": 2048}
    elif LINES[name].script == "connections":
        result |= {"cycles_per_connection": 1200.0, "bytes_per_connection": 188.3}
    elif LINES[name].script == "vhost":
        result |= {"ports": 1, "rate_ratio": 1.5}
    elif LINES[name].script == "offload":
        result = {"connections": 16384, "remove_cycles": 1900.0, "rules_per_second": 4.2e6}
    elif LINES[name].script == "segmentation":
        result = {"segments": 45, "card_cycles_per_segment": 90.0}
    inner = 42.0
    for key in reversed(LINES[name].figure.split(".")[1:]):
        inner = {key: inner}
    return {"results": [{**result, LINES[name].figure.split(".")[0]: inner}]}


def test_a_report_is_made_of_earlier_results(tmp_path: Path) -> None:
    """Every line and every row that follows from them is in the table, the nodes in another one; both plots are drawn."""
    for name in LINES:
        (tmp_path / f"{name}.json").write_text(json.dumps(canned(name)))
    finished = run([PYTHON, SOURCE / "perf/run", "--report", "--results", tmp_path])
    for title in {line.title for line in LINES.values()} | {"one more neighbor, by those that there are",
                                                            "the agent's memory of a neighbor",
                                                            "a killed data plane: until the next one holds all"}:
        assert f"| {title} " in finished.stdout
    assert re.search(r"first packets .* lost +\| 10,000 destinations +\| +0 \| +packets", finished.stdout)
    assert re.search(r"\| cycles by node +\| case +\| port-rx \| guest-flow \|", finished.stdout)
    assert re.search(r"\| encap, IPv4 +\| 1,000 flows \| +30 \| +80 \|", finished.stdout)
    told = finished.stdout.partition("Worse than they must be:\n\n")[2].splitlines()
    flood = "SYN flood of another guest into a full table: goodput left"
    assert f"- {flood}; 1,000 flows: 42 %, must be 95" in told
    assert f"- {flood}; the same, IPv6; 1,000 flows: 42 %, must be 95" in told
    assert "- one rule among 10,000: send to reply, enforced; 1,000 flows: 42 ms, must be 10" in told
    assert "- guest by vhost-user to wire: our packets per second by the peer's; 1,000 flows: 1.5 times, must be 2" in told
    assert re.search(r"handed over to a network card +\| 16,384 connections +\| +4,200,000 \| per second", finished.stdout)
    assert not [line for line in told if line.startswith("- guest to wire, routed")], "less than it must be is well"
    assert (tmp_path / "table.md").read_text() in finished.stdout
    assert "</svg>" in (tmp_path / "cycles.svg").read_text() and "</svg>" in (tmp_path / "goal-states.svg").read_text()
    assert not (tmp_path / "machine.json").exists(), "the machine of the report is not that of the results"


@pytest.mark.parametrize("name", sorted(LINES))
def test_lines_are_calls_that_scripts_take(name: str) -> None:
    """A line's script is there and knows its flags."""
    flags = [flag for flag in LINES[name].flags if flag.startswith("--")]
    text = (SOURCE / "perf" / LINES[name].script).read_text()
    for flag in flags:
        assert f'add_argument("{flag}"' in text, flag


@pytest.mark.parametrize("flags", [["--neighbors", "1,2000"],
                                   ["--neighbors", "300", "--messages", "300"],
                                   ["--neighbors", "500", "--ports", "20", "--clients", "4", "--port-batch"],
                                   ["--neighbors", "50", "--ports", "50", "--clients", "10", "--messages", "50"],
                                   ["--neighbors", "1", "--base", "100", "--warm-up", "20"],
                                   ["--neighbors", "100", "--first-packet", "pcap"]])
def test_goal_states_can_be_measured(flags: list[str]) -> None:
    """Every neighbor of the sample carries a packet, and a figure comes out."""
    for result in measured("goalstate", *flags, "--rounds", "1"):
        assert result["milliseconds"] > 0
        assert "first_packet_milliseconds" in result or result["carried"] == min(result["neighbors"], 100)
        assert result["port_batch"] == ("--port-batch" in flags)


def test_the_largest_goal_states_can_be_measured() -> None:
    """60 MiB are served with a limit of 64, 65 are refused, and the agent's peak is told."""
    result, = measured("largest", "--limit", "64", "--served", "60", "--refused", "65", "--neighbors", "50000")
    assert 59 << 20 < result["message_bytes"] <= 60 << 20
    assert result["carried"] == 100
    assert result["agent_peak_mib"] > 60 + result["agent_mib"] / 2


def test_first_packets_on_demand_can_be_measured() -> None:
    """None of 500 is lost."""
    result, = measured("ondemand", "--destinations", "500", "--rounds", "1")
    assert result["lost"] == 0 and result["destinations"] == 500
    assert result["ncm_milliseconds"]["p50"] >= 200
    assert 0 < result["beyond_ncm_milliseconds"]["p50"] <= result["beyond_ncm_milliseconds"]["p99"]


def test_restarts_can_be_measured() -> None:
    """An agent that comes back beside 100,000 neighbors writes nothing, a data plane that comes back gets all of it.

    The times may be ten times what they must be on a machine of its own.
    """
    result, = measured("restart", "--neighbors", "100000", "--rounds", "1")
    assert result["agent_operations"] == 0
    assert 0 < result["agent_serves_milliseconds"] < 10000
    assert 0 < result["refilled_milliseconds"] < 20000


def test_a_fleet_can_be_measured() -> None:
    """Every push to every agent is answered with success, with and without a state on disk."""
    for flags, keeps_state in ([], False), (["--state"], True):
        result, = measured("fleet", "--agents", "5", "--pushers", "3", "--pushes", "60", *flags)
        assert result["agents"] == 5 and result["state"] == keeps_state
        assert sum(size["pushes"] for size in result["by_size"]) == result["pushes"] == 60
        assert result["pushes_per_second"] > 0 and result["p50_ms"] <= result["p99_ms"]


def test_idle_channels_can_be_measured() -> None:
    """1,000 of them are to take less than 64 MiB."""
    result, = measured("fleet", "--idle-channels", "200")
    assert 0 < result["kib_per_channel"] < 65
