"""The connection tracker and the kernel's own are given the same packets: same verdicts, states and time-outs.

Where they differ on purpose is listed in DIFFERENCES. Random scripts are the same in every run; ALKAID_TEST_SEED makes
others.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lab.namespace import Namespace, new_lab_name
from lab.programs import PYTHON, TOOLS, build_directory

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

# pylint: disable=wrong-import-position
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6)
from scapy.packet import Packet, Raw  # noqa: E402

ADDRESSES = {4: {"a": "10.1.0.11", "b": "10.1.0.13"}, 6: {"a": "2001:db8:1::b", "b": "2001:db8:1::d"}}
PORTS = {"a": 40000, "b": 80}
RANDOM_SCRIPTS = {4: 25, 6: 8}
RANDOM_DATAGRAMS = {4: 30, 6: 15}
# Between what both say a connection has left; the time-outs differ by much more.
SECONDS_APART = 8


@dataclass(frozen=True)
class Step:
    """A packet, who sends it, and how it is told in a failure."""

    side: str
    make: Callable[[int], Packet]  # what follows the IP header, of either version
    text: str
    flags: str = ""  # of TCP

    def packet(self, version: int) -> bytes:
        """The packet as IPv4 or IPv6."""
        source, destination = (ADDRESSES[version][side] for side in (self.side, other(self.side)))
        header = IP(src=source, dst=destination, id=1) if version == 4 else IPv6(src=source, dst=destination)
        return bytes(header / self.make(version))


@dataclass
class Talk:
    """Makes the packets of two ends; numbers go on by themselves."""

    steps: list[Step] = field(default_factory=list)
    next: dict[str, int] = field(default_factory=lambda: {"a": 1000, "b": 50_000})
    window: int = 20_000

    def add(self, side: str, make: Callable[[int], Packet], text: str, flags: str = "") -> Talk:
        """Any packet."""
        self.steps.append(Step(side, make, f"{side}: {text}", flags))
        return self

    def tcp(self, side: str, flags: str, data: int = 0, *, seq: int | None = None, ack: int | None = None,
            window: int | None = None, options: list[tuple[str, object]] | None = None) -> Talk:
        """A segment. Without seq the next one in order; without ack all that the other end has sent."""
        number = self.next[side] if seq is None else seq
        answered = (self.next[other(side)] if ack is None else ack) if "A" in flags else 0
        segment = TCP(sport=PORTS[side], dport=PORTS[other(side)], flags=flags, seq=number % 2**32,
                      ack=answered % 2**32, window=self.window if window is None else window, options=options or [])
        if seq is None:
            self.next[side] += data + ("S" in flags) + ("F" in flags)
        return self.add(side, lambda _: segment / Raw(bytes(data)), f"{flags} seq {number} ack {answered} data {data}",
                        flags)

    def udp(self, side: str, data: int = 4) -> Talk:
        """A datagram."""
        header = UDP(sport=PORTS[side], dport=PORTS[other(side)])
        return self.add(side, lambda _: header / Raw(bytes(data)), "UDP")

    def echo(self, side: str, kind: int, number: int) -> Talk:
        """An echo request (8) or reply (0)."""
        def make(version: int) -> Packet:
            echo_v6 = ICMPv6EchoRequest if kind == 8 else ICMPv6EchoReply
            header = ICMP(type=kind, id=number, seq=1) if version == 4 else echo_v6(id=number, seq=1)
            return header / Raw(bytes(8))
        return self.add(side, make, f"echo {kind} {number}")

    def error(self, side: str, about: int, *, kind: int = 3, code: int = 3) -> Talk:
        """An ICMP error about an earlier step's packet."""
        step = self.steps[about]
        same_v6 = {(3, 1): ICMPv6DestUnreach(code=3), (3, 3): ICMPv6DestUnreach(code=4),
                   (3, 4): ICMPv6PacketTooBig(mtu=1280), (11, 0): ICMPv6TimeExceeded()}

        def make(version: int) -> Packet:
            header = ICMP(type=kind, code=code) if version == 4 else same_v6[kind, code]
            return header / Raw(step.packet(version)[:60 if version == 4 else 100])
        return self.add(side, make, f"ICMP {kind} about {about}")

    def open(self) -> Talk:
        """A handshake."""
        return self.tcp("a", "S").tcp("b", "SA").tcp("a", "A")

    def again(self, far: int = 1_000_000) -> Talk:
        """Both ends begin with other numbers."""
        self.next = {side: number + far for side, number in self.next.items()}
        return self


def other(side: str) -> str:
    """The other end."""
    return "b" if side == "a" else "a"


def tcp_scripts() -> dict[str, Talk]:
    """What every tracker must understand."""
    return {
        "open and close": Talk().open().tcp("a", "PA", 100).tcp("b", "A").tcp("b", "PA", 50).tcp("a", "A")
        .tcp("a", "FA").tcp("b", "A").tcp("b", "PA", 10).tcp("a", "A").tcp("b", "FA").tcp("a", "A"),
        "responder closes": Talk().open().tcp("b", "FA").tcp("a", "A").tcp("a", "FA").tcp("b", "A"),
        "both close at once": Talk().open().tcp("a", "FA", ack=50_001).tcp("b", "FA", ack=1001).tcp("a", "A")
        .tcp("b", "A"),
        "refused": Talk().tcp("a", "S").tcp("b", "RA", seq=0),
        "refused and tried again": Talk().tcp("a", "S").tcp("b", "RA", seq=0).again().open(),
        "reset by initiator": Talk().open().tcp("a", "R").tcp("b", "R"),
        "reset by responder": Talk().open().tcp("a", "PA", 10).tcp("b", "RA"),
        "reset in the handshake": Talk().tcp("a", "S").tcp("b", "SA").tcp("a", "R"),
        "simultaneous open": Talk().tcp("a", "S").tcp("b", "S").tcp("a", "SA", seq=1000, ack=50_001)
        .tcp("b", "SA", seq=50_000, ack=1001).tcp("a", "A").tcp("b", "PA", 10).tcp("a", "A"),
        "reuse in TIME_WAIT": Talk().open().tcp("a", "FA").tcp("b", "FA").tcp("a", "A").again().open()
        .tcp("a", "PA", 10).tcp("b", "A"),
        "reuse after a reset": Talk().open().tcp("a", "R").again().open().tcp("b", "PA", 10),
        "SYN again": Talk().tcp("a", "S").tcp("a", "S", seq=1000).tcp("b", "SA").tcp("b", "SA", seq=50_000)
        .tcp("a", "A"),
        "FIN again": Talk().open().tcp("a", "FA").tcp("a", "FA", seq=1001).tcp("b", "A"),
        "in the middle": Talk().tcp("a", "PA", 10).tcp("b", "A").tcp("a", "PA", 10),
        "a SYN+ACK that nobody asked for": Talk().tcp("b", "SA").tcp("a", "R"),
        "a reset that nobody asked for": Talk().tcp("a", "R").tcp("b", "RA"),
        "SYN in the middle": Talk().open().tcp("a", "PA", 10).tcp("a", "S", seq=900_000).tcp("b", "A").tcp("a", "R"),
        "impossible flags": Talk().open().tcp("a", "SF", seq=1001).tcp("a", "", seq=1001).tcp("a", "FPU", seq=1001)
        .tcp("a", "SR", seq=1001).tcp("a", "PA", 10),
        "half open": Talk().tcp("a", "S").tcp("b", "A", seq=7_000_000, ack=8_000_000),
        "data behind the FIN": Talk().open().tcp("a", "FA").tcp("b", "PA", 100).tcp("b", "PA", 100).tcp("a", "A")
        .tcp("b", "FA").tcp("a", "A"),
    }


def window_scripts() -> dict[str, Talk]:
    """What only a tracker that knows sequence numbers can tell."""
    scaled = [("WScale", 4)]
    return {
        "beyond the window": Talk(window=1000).open().tcp("a", "PA", 10, seq=5000).tcp("a", "PA", 1000).tcp("b", "A"),
        "far beyond, far behind": Talk().open().tcp("a", "PA", 10, seq=2**31).tcp("b", "PA", 10, seq=50_001 - 2**30)
        .tcp("a", "PA", 10).tcp("b", "A"),
        "acknowledges what was not sent": Talk().open().tcp("b", "A", ack=3000).tcp("a", "PA", 100).tcp("b", "A"),
        "numbers wrap": Talk(next={"a": 2**32 - 3, "b": 2**32 - 1}).open().tcp("a", "PA", 100).tcp("b", "A")
        .tcp("b", "PA", 1300).tcp("a", "A").tcp("a", "FA").tcp("b", "FA").tcp("a", "A"),
        "scaled windows": Talk(window=1000).tcp("a", "S", options=scaled).tcp("b", "SA", options=scaled).tcp("a", "A")
        .tcp("b", "A").tcp("a", "PA", 100, seq=1001 + 15_000).tcp("a", "PA", 100, seq=1001 + 17_000),
        "scaled by one end only": Talk(window=1000).tcp("a", "S", options=scaled).tcp("b", "SA").tcp("a", "A")
        .tcp("b", "A").tcp("a", "PA", 100, seq=1001 + 15_000).tcp("a", "PA", 100),
        "a closed window": Talk().open().tcp("a", "PA", 100).tcp("b", "A", window=0).tcp("a", "PA", 1)
        .tcp("a", "PA", 10, seq=1110).tcp("b", "A", window=5000).tcp("a", "PA", 1000),
        "a keep-alive": Talk().open().tcp("a", "PA", 100).tcp("b", "A").tcp("a", "A", seq=1100).tcp("b", "A"),
        "a blind reset": Talk().open().tcp("a", "PA", 100).tcp("b", "A").tcp("b", "R", seq=50_000 - 20_000)
        .tcp("b", "R", seq=50_000 + 5000).tcp("b", "R", seq=2**31).tcp("a", "PA", 10).tcp("b", "A"),
        "a true reset": Talk().open().tcp("a", "PA", 100).tcp("b", "A").tcp("b", "R"),
        "sent again": Talk().open().tcp("a", "PA", 500).tcp("a", "PA", 500).tcp("a", "PA", 500, seq=1001)
        .tcp("b", "A").tcp("a", "PA", 500, seq=1501).tcp("b", "A"),
        "a new connection in the middle": Talk().open().tcp("a", "PA", 10).again().tcp("a", "S").tcp("b", "SA")
        .tcp("a", "A").tcp("a", "PA", 100).tcp("b", "A"),
    }


def other_scripts() -> dict[str, Talk]:
    """UDP, ICMP queries and errors."""
    return {
        "UDP": Talk().udp("a").udp("a").udp("b").udp("a").udp("b"),
        "UDP from the other end": Talk().udp("b").udp("a").udp("b"),
        "echo": Talk().echo("a", 8, 7).echo("b", 0, 7).echo("a", 8, 7).echo("b", 0, 7),
        "an echo reply that nobody asked for": Talk().echo("b", 0, 7),
        "an echo reply to another request": Talk().echo("a", 8, 7).echo("b", 0, 8),
        "port unreachable": Talk().udp("a").error("b", 0).udp("a"),
        "errors about TCP": Talk().open().tcp("a", "PA", 100).error("b", 3, kind=3, code=4)
        .error("b", 3, kind=11, code=0).tcp("b", "A"),
        "an error about an echo": Talk().echo("a", 8, 7).error("b", 0, kind=3, code=1),
    }


class Lives:
    """Random lives of two ends that keep the rules, one after the other between the same ports.

    Segments are sent again, acknowledgments come late, either end closes first; a forger sends what is far from
    both windows.
    """

    def __init__(self, numbers: random.Random) -> None:
        self._numbers = numbers
        self.talk = Talk(next={side: numbers.randrange(2**32) for side in "ab"})

    def make(self) -> Talk:
        """One script."""
        opener = self._numbers.choice("ab")
        for _ in range(self._numbers.randint(1, 3)):
            self._open(opener)
            for _ in range(self._numbers.randint(0, 10)):
                self._say()
            # Mostly so that both trackers let the next one begin.
            self._close(self._mostly(opener))
            opener = self._mostly(opener)
            self.talk.again(self._numbers.randrange(100_000, 2**30))
        return self.talk

    def _mostly(self, side: str) -> str:
        return side if self._numbers.random() < 0.7 else other(side)

    def _open(self, side: str) -> None:
        far, start = other(side), self.talk.next[side]
        self.talk.tcp(side, "S")
        if self._numbers.random() < 0.2:
            self.talk.tcp(side, "S", seq=start)
        if self._numbers.random() < 0.1:
            answer = self.talk.next[far]
            self.talk.tcp(far, "S")
            self.talk.tcp(side, "SA", seq=start).tcp(far, "SA", seq=answer).tcp(side, "A")
            return
        self.talk.tcp(far, "SA")
        if self._numbers.random() < 0.2:
            self.talk.tcp(far, "SA", seq=self.talk.next[far] - 1)
        self.talk.tcp(side, "A")

    def _say(self) -> None:
        side = self._numbers.choice("ab")
        kind = self._numbers.choice(("data", "data", "acknowledge", "late", "again", "forge"))
        data = self._numbers.choice((1, 100, 1300))
        if kind == "data":
            self.talk.tcp(side, "PA", data)
        elif kind == "acknowledge":
            self.talk.tcp(side, "A")
        elif kind == "late":
            self.talk.tcp(other(side), "PA", data).tcp(side, "A", ack=self.talk.next[other(side)] - data).tcp(side, "A")
        elif kind == "again":
            self.talk.tcp(side, "PA", data).tcp(side, "PA", data, seq=self.talk.next[side] - data)
        else:
            self.talk.tcp(side, "PA", data, seq=self.talk.next[side] + self._numbers.randrange(200_000, 2**30))
            if self._numbers.random() < 0.5:
                self.talk.tcp(side, "A", ack=self.talk.next[other(side)] + self._numbers.randrange(1000, 2**30))

    def _close(self, side: str) -> None:
        far = other(side)
        # Everything is acknowledged, so that both know which number an RST must have.
        self.talk.tcp(side, "A").tcp(far, "A")
        kind = self._numbers.choice(("one by one", "half closed", "at once", "reset", "reset"))
        if kind == "reset":
            self.talk.tcp(side, self._numbers.choice(("R", "RA")))
            return
        self.talk.tcp(side, "FA")
        if kind == "at once":
            self.talk.tcp(far, "FA", ack=self.talk.next[side] - 1).tcp(side, "A").tcp(far, "A")
            return
        self.talk.tcp(far, "A")
        if kind == "half closed":
            self.talk.tcp(far, "PA", 100).tcp(side, "A")
        self.talk.tcp(far, "FA").tcp(side, "A")


def datagrams(numbers: random.Random) -> Talk:
    """UDP from either end, or echoes that one end asks for and answers to others; mixed with errors about any of them.

    One connection, as the trackers' answers are about one.
    """
    talk = Talk()
    asks = numbers.choice("ab")
    is_udp = numbers.random() < 0.5
    for _ in range(numbers.randint(3, 15)):
        side = numbers.choice("ab")
        received = [number for number, step in enumerate(talk.steps) if step.side != side and "ICMP" not in step.text]
        if received and numbers.random() < 0.3:
            error, code = numbers.choice(((3, 1), (3, 3), (3, 4), (11, 0)))
            talk.error(side, numbers.choice(received), kind=error, code=code)
        elif is_udp:
            talk.udp(side, numbers.choice((0, 4, 1200)))
        elif side == asks:
            talk.echo(side, 8, 1)
        else:
            talk.echo(side, 0, numbers.choice((1, 1, 2)))
    return talk


@dataclass(frozen=True)
class Answer:
    """What a tracker said of a packet."""

    verdict: str
    state: str
    seconds: int = field(default=0, compare=False)  # until the connection is forgotten

    @classmethod
    def of(cls, line: str) -> Answer:
        """From a tool's line."""
        verdict, state, seconds = line.split()
        return cls(verdict, state, int(seconds))

    def __str__(self) -> str:
        return f"{self.verdict} {self.state} {self.seconds} s"


@dataclass(frozen=True)
class Situation:
    """Everything about one packet."""

    step: Step
    before: str  # the state that both are in
    kernel: Answer
    ours: Answer
    checks_windows: bool

    def keep_alike(self) -> bool:
        """Whether both forget the connection at about the same time."""
        return abs(self.kernel.seconds - self.ours.seconds) <= SECONDS_APART

    def waits(self, kernel: int, ours: int) -> bool:
        """Whether the connection is kept for so many seconds."""
        return (abs(self.kernel.seconds - kernel) <= SECONDS_APART and abs(self.ours.seconds - ours) <= SECONDS_APART)


class Tracker:
    """A program that answers lines."""

    def __init__(self, command: list[str]) -> None:
        # pylint: disable=consider-using-with
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.PIPE)

    def ask(self, line: str) -> str:
        """The answer to a line."""
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        for answer in self._process.stdout:
            if answer.startswith("= "):  # the rest is a log
                return answer[2:].strip()
        raise AssertionError(f"no answer to {line!r}: {self._process.stderr.read()}")

    def stop(self) -> None:
        """Ends it."""
        self._process.communicate(timeout=30)


class Comparison:
    """Runs scripts through both trackers."""

    def __init__(self, kernel: Tracker, ours: Tracker, checks_windows: bool) -> None:
        self._kernel = kernel
        self._ours = ours
        self._checks_windows = checks_windows
        self.packets = 0
        self.timeouts: Counter[str] = Counter()  # that were the same, by state
        self.differences: Counter[str] = Counter()

    def run(self, name: str, talk: Talk, version: int) -> None:
        """Fails at a difference that is none of DIFFERENCES or TIMEOUTS.

        A known one of verdicts ends the script; after one of states only verdicts are compared.
        """
        for tracker in (self._kernel, self._ours):
            assert tracker.ask("flush") == "flushed"
        before = "none"
        story = [f"IPv{version}: {name}"]
        states_have_parted = False
        for step in talk.steps:
            line = f"{step.side} {step.packet(version).hex()}"
            kernel, ours = (Answer.of(tracker.ask(line)) for tracker in (self._kernel, self._ours))
            story.append(f"{step.text}: kernel {kernel}, ours {ours}")
            self.packets += 1
            situation = Situation(step, before, kernel, ours, self._checks_windows)
            if kernel != ours and not (states_have_parted and kernel.verdict == ours.verdict):
                self._must_be_known(DIFFERENCES, situation, story)
                states_have_parted = True
                if kernel.verdict != ours.verdict:
                    return
            elif not states_have_parted and not situation.keep_alike():
                self._must_be_known(TIMEOUTS, situation, story)
            elif not states_have_parted:
                self.timeouts[ours.state] += 1
            before = ours.state

    def _must_be_known(self, differences: Differences, situation: Situation, story: list[str]) -> None:
        known = next((text for text, applies in differences.items() if applies(situation)), None)
        assert known, "\n".join(story)
        self.differences[known] += 1


Differences = dict[str, Callable[[Situation], bool]]
# Why, says docs/design/conntrack.md.
DIFFERENCES: Differences = {
    "a refused connection is remembered as closed": lambda it:
        "R" in it.step.flags and it.before in ("syn_sent", "syn_sent_both") and it.kernel.verdict == it.ours.verdict
        and (it.kernel.state, it.ours.state) == ("none", "closed"),
    "after an RST either end may begin again at once": lambda it:
        it.step.flags == "S" and it.before == it.kernel.state == "closed" and it.ours == Answer("new", "syn_sent"),
    "a FIN that is sent again is not the other side's": lambda it:
        "F" in it.step.flags and it.before == it.ours.state == "fin_wait"
        and it.kernel == Answer("established", "last_ack") and it.ours.verdict == "established",
    "a new connection's SYN+ACK in the middle of an old one leaves its state": lambda it:
        it.step.flags == "SA" and it.before == it.ours.state == "established"
        and it.kernel == Answer("established", "syn_received") and it.ours.verdict == "established",
    "what is older than a window is dropped, not ignored": lambda it:
        it.checks_windows and it.ours == Answer("invalid", it.before) and it.kernel == Answer("established", it.before),
    "without the check nobody knows an RST's number": lambda it:
        not it.checks_windows and "R" in it.step.flags and it.ours == Answer("established", "closed")
        and it.kernel.state == it.before == "established",
}
TIMEOUTS: Differences = {
    "data that nobody has acknowledged are waited for for five minutes": lambda it:
        it.ours.state == "established" and it.waits(300, 432_000),
    "UDP is a stream after two seconds only": lambda it:
        it.ours.state == "two_way" and it.waits(30, 120),
    "who is picked up in its middle counts as embryonic until it is answered": lambda it:
        it.ours == Answer("new", "established") and it.waits(300, 120),
    "an RST that changes nothing leaves the time-out": lambda it:
        it.checks_windows and "R" in it.step.flags and it.before == it.ours.state == "established"
        and it.waits(10, 432_000),
}


@contextmanager
def trackers(window: str, mid_stream: str) -> Iterator[Comparison]:
    """Both trackers with the same settings."""
    namespace = Namespace(new_lab_name(), "tracker")
    kernel = ours = None
    try:
        kernel = Tracker(namespace.command([PYTHON, TOOLS / "kernel_tracker.py", window, mid_stream]))
        ours = Tracker([str(build_directory() / "tests/pipeline/tracker-replay"), window, mid_stream])
        yield Comparison(kernel, ours, window == "window-check")
    finally:
        for tracker in (kernel, ours):
            if tracker:
                tracker.stop()
        namespace.delete()


@pytest.mark.skipif(not Path("/proc/net/nf_conntrack").exists(),
                    reason="this kernel doesn't show its connections (CONFIG_NF_CONNTRACK_PROCFS)")
@pytest.mark.parametrize("mid_stream", ["never", "always"])
@pytest.mark.parametrize("window", ["liberal", "window-check"])
def test_same_packets_same_verdicts(window: str, mid_stream: str) -> None:
    """Written scripts, then random ones."""
    seed = int(os.environ.get("ALKAID_TEST_SEED", 1))
    print(f"seed {seed}")
    scripts = {**tcp_scripts(), **window_scripts(), **other_scripts()}
    with trackers(window, mid_stream) as comparison:
        numbers = random.Random(seed)
        for version in (4, 6):
            for name, talk in scripts.items():
                comparison.run(name, talk, version)
            for number in range(RANDOM_SCRIPTS[version]):
                comparison.run(f"seed {seed}, script {number}", Lives(numbers).make(), version)
            for number in range(RANDOM_DATAGRAMS[version]):
                comparison.run(f"seed {seed}, datagrams {number}", datagrams(numbers), version)
    print(f"{comparison.packets} packets; the same time-out: {dict(comparison.timeouts)}; "
          f"known differences: {dict(comparison.differences)}")
    assert comparison.packets > 2 * 5 * len(scripts)
    assert {"syn_sent", "syn_received", "established", "fin_wait", "close_wait", "last_ack", "time_wait", "closed",
            "one_way", "two_way"} <= set(comparison.timeouts)
