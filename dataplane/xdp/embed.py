"""Writes a file as a C++ header: embed.py FILE HEADER NAME."""

import sys
from pathlib import Path


def main() -> None:
    """Reads the one, writes the other."""
    source, header, name = sys.argv[1:]
    numbers = [str(byte) for byte in Path(source).read_bytes()]
    lines = [", ".join(numbers[start:start + 24]) for start in range(0, len(numbers), 24)]
    Path(header).write_text(f"#pragma once\nalignas(8) inline constexpr unsigned char {name}[] = {{\n"
                            + ",\n".join(lines) + "};\n", encoding="ascii")


if __name__ == "__main__":
    main()
