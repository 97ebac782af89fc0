"""A plot of cycles per packet as SVG, without any library: bars of ours, of the peer, and the goals."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from .lines import LINES, Goal

_WIDTH, _ROW, _LEFT, _TOP = 900, 44, 330, 60
_OURS, _PEER, _MUST = "#2a6f97", "#c9ada7", "#9b2226"
_TITLES = {"encap": "guest to wire", "encap-ipv6": "guest to wire, IPv6", "encap-plain": "guest to wire, stateless",
           "encap-plain-ipv6": "guest to wire, IPv6, stateless", "bridge": "guest to wire, one subnet",
           "bridge-ipv6": "guest to wire, one subnet, IPv6", "decap": "wire to guest", "decap-ipv6": "wire to guest, IPv6",
           "decap-plain": "wire to guest, stateless", "decap-plain-ipv6": "wire to guest, IPv6, stateless",
           "local": "guest to guest", "local-ipv6": "guest to guest, IPv6"}


def _bar(y: int, height: int, value: float, scale: float, color: str) -> str:
    return (f'<rect x="{_LEFT}" y="{y}" width="{value * scale:.1f}" height="{height}" fill="{color}"/>'
            f'<text x="{_LEFT + value * scale + 5:.1f}" y="{y + height - 3}">{value:.0f}</text>')


def draw(measured: dict[str, Any]) -> str:
    """The plot of what was measured of the lines with cycles per packet."""
    bars = [(f"{title}, {result['flows']:,} flows", result["cycles_per_packet"], result.get("peer_cycles_per_packet"),
             LINES[name].goals[number] if number < len(LINES[name].goals) else Goal())
            for name, title in _TITLES.items()
            for number, result in enumerate(measured.get(name, {}).get("results", []))]
    most = max([max(ours, peer or 0) for _, ours, peer, _ in bars] or [1])
    scale = (_WIDTH - _LEFT - 60) / most
    height = _TOP + _ROW * len(bars) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
             '<text x="20" y="24" font-size="16">TSC cycles per packet, one worker, 64-byte frames</text>',
             f'<rect x="20" y="34" width="12" height="12" fill="{_OURS}"/><text x="38" y="45">Alkaid</text>',
             f'<rect x="110" y="34" width="12" height="12" fill="{_PEER}"/>'
             '<text x="128" y="45">Open vSwitch with DPDK, the same run</text>',
             f'<rect x="370" y="34" width="3" height="12" fill="{_MUST}"/><text x="380" y="45">must</text>']
    for number, (label, ours, peer, goal) in enumerate(bars):
        y = _TOP + _ROW * number
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 22}" text-anchor="end">{escape(label)}</text>')
        parts.append(_bar(y + 2, 16, ours, scale, _OURS))
        if peer:
            parts.append(_bar(y + 19, 14, peer, scale, _PEER))
        if goal.must:
            parts.append(f'<rect x="{_LEFT + goal.must * scale:.1f}" y="{y}" width="2" height="34" fill="{_MUST}"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"
