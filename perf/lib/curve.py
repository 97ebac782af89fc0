"""Milliseconds against neighbors as SVG, both logarithmic, with the line of what must be reached."""

from __future__ import annotations

import math
from typing import Any

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 460, 70, 60, 50
_OURS, _MUST, _GRID = "#2a6f97", "#9b2226", "#dddddd"
# Neighbors of one message and the milliseconds that they may take.
MUSTS = {10_000: 20.0, 100_000: 200.0, 1_000_000: 2000.0}


def draw_curve(results: list[dict[str, Any]]) -> str:
    """The plot."""
    points = sorted((row["neighbors"], row["milliseconds"]) for row in results)
    last_x = max(6, math.ceil(math.log10(max(x for x, _ in points))))
    decades_y = (-1, 4)

    def place(neighbors: float, milliseconds: float) -> tuple[float, float]:
        x = _LEFT + math.log10(neighbors) / last_x * (_WIDTH - _LEFT - 30)
        span = decades_y[1] - decades_y[0]
        y = math.log10(max(milliseconds, 10.0 ** decades_y[0])) - decades_y[0]
        return x, _HEIGHT - _BOTTOM - y / span * (_HEIGHT - _BOTTOM - _TOP)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
             '<text x="20" y="24" font-size="16">One goal state: milliseconds from send to reply</text>']
    for decade in range(decades_y[0], decades_y[1] + 1):
        x, y = place(1, 10.0 ** decade)
        parts.append(f'<line x1="{x}" y1="{y:.1f}" x2="{_WIDTH - 30}" y2="{y:.1f}" stroke="{_GRID}"/>'
                     f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0 ** decade:g}</text>')
    for decade in range(last_x + 1):
        x, y = place(10 ** decade, 10.0 ** decades_y[0])
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>'
                     f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{10 ** decade:,}</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 16}" text-anchor="middle">neighbors in the message</text>')
    for line, color in ((list(MUSTS.items()), _MUST), (points, _OURS)):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
    for neighbors, milliseconds in points:
        x, y = place(neighbors, milliseconds)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_OURS}"/>'
                     f'<text x="{x - 6:.1f}" y="{y - 8:.1f}" text-anchor="end">{milliseconds:,.1f}</text>')
    parts.append(f'<text x="{_LEFT + 12}" y="{_TOP + 16}" fill="{_OURS}">Alkaid</text>'
                 f'<text x="{_LEFT + 70}" y="{_TOP + 16}" fill="{_MUST}">must</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
