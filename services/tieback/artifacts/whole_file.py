"""Small files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Puts the file in its place in one step that survives a power cut; its folder is there."""
    partial = path.with_name(f".{path.name}.partial")
    write_through(partial, data)
    partial.replace(path)
    sync(path.parent)


def write_through(path: Path, data: bytes) -> None:
    """Writes a file and forces it to the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Forces the folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
