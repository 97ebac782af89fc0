"""Capture files in the classic format (pcap), in microseconds."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
_FRAMES_PER_WRITE = 4096


def write_capture(path: Path, frames: Iterable[bytes]) -> int:
    """Writes frames and returns how many there were."""
    count = 0
    with open(path, "wb") as file:
        pieces = [_FILE_HEADER]
        for frame in frames:
            length = len(frame)
            pieces.append(struct.pack("<IIII", 0, 0, length, length))
            pieces.append(frame)
            count += 1
            if len(pieces) > 2 * _FRAMES_PER_WRITE:
                file.write(b"".join(pieces))
                pieces.clear()
        file.write(b"".join(pieces))
    return count


def read_capture(path: Path, limit: int) -> Iterator[bytes]:
    """The first frames of a file, at most `limit`; a frame that is cut off by the file's end is left out."""
    with open(path, "rb") as file:
        file.read(len(_FILE_HEADER))
        for _ in range(limit):
            header = file.read(16)
            if len(header) < 16:
                return
            length = struct.unpack("<IIII", header)[2]
            frame = file.read(length)
            if len(frame) < length:
                return
            yield frame
