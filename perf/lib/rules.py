"""Security groups as a benchmark needs them: rules that are distinct, random, and of no use but the last."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

_UNUSED_PORTS = (20000, 65535)  # flows have destination ports below


def random_rules(group: str, count: int, *, egress: bool, remote: str, ports: tuple[int, int]) -> list[dict[str, Any]]:
    """`count` rules of a group, of which only the last lets UDP from or to `remote` with `ports` pass.

    The others are near misses: the right address with the wrong ports or protocol, or ports with a prefix
    that the address isn't in; of every prefix length and with port ranges of every size.
    """
    numbers = random.Random(count)
    address = ipaddress.ip_address(remote)
    rules: list[dict[str, Any]] = []
    seen: set[tuple[str, str, int, int]] = set()
    while len(rules) < count - 1:
        prefix, meant = _random_prefix(numbers, address)
        first, last = sorted(numbers.randint(*(_UNUSED_PORTS if meant else (1, 65535))) for _ in range(2))
        protocol = numbers.choice(("TCP", "UDP"))
        if (key := (prefix, protocol, first, last)) not in seen:
            seen.add(key)
            rules.append(_rule(group, len(rules), egress, address, protocol, prefix, (first, last)))
    rules.append(_rule(group, len(rules), egress, address, "UDP", str(_prefix_around(address)), ports))
    return rules


def _prefix_around(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


def _random_prefix(numbers: random.Random,
                   address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[str, bool]:
    """A prefix, and whether the address is in it: half of them are around it."""
    bits = address.max_prefixlen
    length = numbers.randint(8 if bits == 32 else 32, bits)
    base = int(address)
    if numbers.random() < 0.5:
        # Another one in one of the leading bits.
        base ^= 1 << (bits - numbers.randint(1, length))
        base ^= numbers.getrandbits(bits) >> length
    network = ipaddress.ip_network((base, length), strict=False)
    return str(network), address in network


def _rule(group: str, number: int, egress: bool, address: ipaddress.IPv4Address | ipaddress.IPv6Address, protocol: str,
          prefix: str, ports: tuple[int, int]) -> dict[str, Any]:
    return {"operation_type": "CREATE", "security_group_id": group, "id": f"rule-{number}",
            "direction": "EGRESS" if egress else "INGRESS", "ethertype": f"IPV{address.version}",
            "protocol": protocol, "port_range_min": ports[0], "port_range_max": ports[1],
            "remote_ip_prefix": prefix}
