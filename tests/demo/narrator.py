"""Tells what happens, shows the real commands and what they print, and keeps the score."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 96
LONGEST_OUTPUT = 30


class StepFailed(Exception):
    """Something that a step shows did not hold."""


@dataclass
class Outcome:
    """How a step ended."""

    title: str
    held: bool
    finding: str
    seconds: float


class Narrator:
    """Writes to standard output, with colors only on a terminal."""

    def __init__(self) -> None:
        self._colors = sys.stdout.isatty()

    def _paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colors else text

    def title(self, text: str) -> None:
        """A headline."""
        print(f"\n{self._paint('1', text)}", flush=True)

    def explain(self, text: str) -> None:
        """A paragraph for somebody who sees this for the first time."""
        print(textwrap.fill(" ".join(text.split()), WIDTH, initial_indent="  ", subsequent_indent="  "), flush=True)

    def picture(self, text: str) -> None:
        """Lines as they are."""
        print(textwrap.indent(textwrap.dedent(text).strip("\n"), "  "), flush=True)

    def command(self, where: str, words: Sequence[str]) -> None:
        """A command, before it is run."""
        print(f"  {self._paint('36', where + ' $')} {' '.join(words)}", flush=True)

    def output(self, text: str) -> None:
        """What a command printed; a long one is cut in the middle."""
        lines = text.rstrip().splitlines()
        if len(lines) > LONGEST_OUTPUT:
            left_out = len(lines) - LONGEST_OUTPUT + 1
            lines = [*lines[:LONGEST_OUTPUT - 6], f"... {left_out} lines ...", *lines[-5:]]
        for line in lines:
            print(f"    {line}".rstrip(), flush=True)

    def verdict(self, outcome: Outcome) -> None:
        """How the step ended."""
        mark = self._paint("32", "held") if outcome.held else self._paint("31", "FAILED")
        print(f"  {mark}: {outcome.finding.splitlines()[0] if outcome.finding else ''}", flush=True)

    def table(self, outcomes: list[Outcome]) -> None:
        """What held, at the end."""
        self.title("What held")
        longest = max(len(outcome.title) for outcome in outcomes)
        for outcome in outcomes:
            mark = self._paint("32", "held  ") if outcome.held else self._paint("31", "FAILED")
            finding = outcome.finding.splitlines()[0] if outcome.finding else ""
            print(f"  {mark}  {outcome.title:<{longest}}  {outcome.seconds:5.1f} s  {finding}"[:200], flush=True)


def require(condition: bool, what: str) -> None:
    """Raises StepFailed with `what` unless the condition holds."""
    if not condition:
        raise StepFailed(what)
