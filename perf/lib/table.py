"""The table of all results in Markdown: ours, the peer's of the same run, and the goals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .derived import DERIVED
from .lines import LINES, Goal, Line

_HEADERS = ("work", "case", "Alkaid", "unit", "peer", "peer / Alkaid", "I/O floor", "VPP", "must", "aim")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 10000:
        return f"{value:,.0f}"
    return f"{value:g}" if abs(value) < 10 else f"{value:.0f}"


def _case(result: dict[str, Any]) -> str:
    words = []
    if "flows" in result:
        words.append(f"{result['flows']:,} flows")
        if result.get("ports", 1) > 1:
            words.append(f"{result['ports']} ports")
    elif "rules" in result:
        words.append(f"{result['rules']:,} rules")
    elif "neighbors" in result:
        words.append(f"{result['neighbors']:,} neighbors")
    return ", ".join(words)


def _value(line: Line, result: dict[str, Any]) -> float | None:
    value = result[line.figure]
    return value["median"] if isinstance(value, dict) else value


def rows(measured: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The cells of every row."""
    for name, line in LINES.items():
        for number, result in enumerate(measured.get(name, {}).get("results", [])):
            goal = line.goals[number] if number < len(line.goals) else Goal()
            yield (line.title if number == 0 else "", _case(result), _number(_value(line, result)), line.unit,
                   _number(result.get(line.peer_figure)), _number(result.get("ratio")),
                   _number(result.get("io_floor")), line.vpp[number] if number < len(line.vpp) else "",
                   _number(goal.must), _number(goal.aim))
    for derived in DERIVED:
        for number, (case, value) in enumerate(derived.values(measured)):
            yield (derived.title if number == 0 else "", case, _number(value), derived.unit, "", "", "", "",
                   _number(derived.goal.must), _number(derived.goal.aim))


def table(measured: dict[str, Any]) -> str:
    """Markdown, aligned so that it reads on a terminal too."""
    cells = [_HEADERS, *rows(measured)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADERS))]

    def text(row: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                                 for column, (cell, width) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ("-" if column < 2 else ":") for column, width in enumerate(widths)) + "|"
    return "\n".join([text(cells[0]), rule, *map(text, cells[1:])]) + "\n"
