"""Files that a disk, or somebody, has damaged."""

from __future__ import annotations

from pathlib import Path


def damage_file(path: Path, how: str) -> None:
    """Has a bit of the file "altered", its end "cut", or the file "missing"."""
    if how == "altered":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.unlink()
