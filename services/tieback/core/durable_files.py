"""Files that are written whole or not at all, and what is forced to the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_durably(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Puts a small file in its place in one step that survives a power cut.

    OSError where the disk refuses or is full; what was there before stays then.
    """
    partial = path.with_name(f".{path.name}.partial")
    write_through(partial, content, mode)
    partial.rename(path)
    sync_path(path.parent)


def write_through(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Writes a file and forces it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:  # a single write may leave out what finds no room
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_path(path: str | Path) -> None:
    """Forces a file's content, or a folder's list of names, to the disk. One that went away is no fault."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
