"""What an agent tells Prometheus."""

from __future__ import annotations

import re

from .host import Host
from .programs import PYTHON

ADDRESS = "127.0.0.1:9464"  # where agents listen that were told to
_SAMPLE = re.compile(r'([a-z_]+)(?:\{([^}]*)\})? (\S+)')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')

Sample = tuple[str, frozenset[tuple[str, str]]]


def scrape(host: Host) -> dict[Sample, float]:
    """Samples by name and labels. Every line must be one, or a comment of the text format."""
    text = host.namespace.run([PYTHON, "-c", "import urllib.request; print(urllib.request.urlopen("
                               f"'http://{ADDRESS}/metrics', timeout=20).read().decode())"], timeout=30).stdout
    samples: dict[Sample, float] = {}
    types: dict[str, str] = {}
    for line in filter(None, text.splitlines()):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in types, f"{name} comes twice"
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = _SAMPLE.fullmatch(line)
            assert match, line
            key = match[1], frozenset(_LABEL.findall(match[2] or ""))
            assert key not in samples, line
            samples[key] = float(match[3])
    for name, _ in samples:
        family = re.sub("_(bucket|sum|count)$", "", name)
        kind = types.get(name) or types[family]
        assert (kind == "counter") == name.endswith("_total"), name
        assert name.startswith(("alkaid_", "exposer_"))
    return samples
