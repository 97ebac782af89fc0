#!/usr/bin/python3
"""Says whether the seeds in a folder are what make_corpus writes: compare_corpus.py MAKE_CORPUS FOLDER."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main() -> int:
    """Names what differs; exit code 1 if anything does."""
    program, folder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([program, made], check=True)
        written, kept = contents(Path(made)), contents(Path(folder))
    different = [name for name in sorted(written.keys() | kept.keys()) if written.get(name) != kept.get(name)]
    for name in different:
        print(f"{name}: {'only kept' if name not in written else 'only written' if name not in kept else 'differs'}")
    if not written:
        print(f"{program} wrote nothing")
    return 1 if different or not written else 0


if __name__ == "__main__":
    sys.exit(main())
