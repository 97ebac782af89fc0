"""The tables in Markdown: all results with the peer's of the same run and the goals, and what each node costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .derived import DERIVED
from .lines import LINES, Goal, Line

# Of these the nodes are shown: every direction, both families.
_NODE_LINES = ("encap", "encap-ipv6", "bridge", "bridge-ipv6", "decap", "decap-ipv6", "local", "local-ipv6")
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
    elif "destinations" in result:
        words.append(f"{result['destinations']:,} destinations")
    return ", ".join(words)


def _value(line: Line, result: dict[str, Any]) -> float | None:
    value: Any = result
    for key in line.figure.split("."):
        value = value[key]
    return value


@dataclass(frozen=True)
class _Figure:
    """A figure beside its goal."""

    title: str
    case: str
    value: float | None
    unit: str
    goal: Goal
    is_first: bool          # of its title
    more: tuple[str, ...]   # cells between the unit and the goal


def _figures(measured: dict[str, Any]) -> Iterator[_Figure]:
    for name, line in LINES.items():
        for number, result in enumerate(measured.get(name, {}).get("results", [])):
            yield _Figure(line.title, _case(result), _value(line, result), line.unit,
                          line.goals[number] if number < len(line.goals) else Goal(), number == 0,
                          (_number(result.get(line.peer_figure)), _number(result.get("ratio")), _number(result.get("io_floor")),
                           line.vpp[number] if number < len(line.vpp) else ""))
    for derived in DERIVED:
        for number, (case, value) in enumerate(derived.values(measured)):
            yield _Figure(derived.title, case, value, derived.unit, derived.goal, number == 0, ("", "", "", ""))


def rows(measured: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The cells of every row."""
    for figure in _figures(measured):
        yield (figure.title if figure.is_first else "", figure.case, _number(figure.value), figure.unit, *figure.more,
               _number(figure.goal.must), _number(figure.goal.aim))


def missed(measured: dict[str, Any]) -> str:
    """Every figure that is worse than it must be, a line each; with the title that "the same, IPv6" refers to."""
    lines = []
    title = ""
    for figure in _figures(measured):
        if not figure.title.startswith("the same"):
            title = figure.title
        if figure.goal.is_missed(figure.value):
            words = [title, *([figure.title] if figure.title != title else []), *([figure.case] if figure.case else [])]
            lines.append(f"- {'; '.join(words)}: {_number(figure.value)} {figure.unit}".rstrip()
                         + f", must be {_number(figure.goal.must)}\n")
    return "Worse than they must be:\n\n" + "".join(lines) if lines else "Nothing is worse than it must be.\n"


def _node_rows(measured: dict[str, Any], nodes: list[str]) -> Iterator[tuple[str, ...]]:
    for name in _NODE_LINES:
        for result in measured.get(name, {}).get("results", []):
            yield (f"{result['direction']}, IPv{result['family']}", _case(result),
                   *(_number(result["nodes"].get(node)) for node in nodes))


def node_table(measured: dict[str, Any]) -> str:
    """Cycles of each node by the packets that passed it; nodes in the order in which they are met first."""
    nodes = list(dict.fromkeys(node for name in _NODE_LINES for result in measured.get(name, {}).get("results", [])
                               for node in result["nodes"]))
    return _markdown([("cycles by node", "case", *nodes), *_node_rows(measured, nodes)])


def table(measured: dict[str, Any]) -> str:
    """All lines, and what follows from them."""
    return _markdown([_HEADERS, *rows(measured)])


def _markdown(cells: list[tuple[str, ...]]) -> str:
    """Aligned so that it reads on a terminal too."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]

    def text(row: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                                 for column, (cell, width) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ("-" if column < 2 else ":") for column, width in enumerate(widths)) + "|"
    return "\n".join([text(cells[0]), rule, *map(text, cells[1:])]) + "\n"
