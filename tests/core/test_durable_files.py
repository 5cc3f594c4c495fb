"""A file is written whole, or is what it was."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tieback.core.durable_files import write_durably

LIMIT = 4096


@contextmanager
def small_disk() -> Iterator[None]:
    """No file may have more than LIMIT bytes: a write that goes beyond is cut off, as on a full disk.

    For the write alone: it holds for the whole process, whose own output may be longer.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_takes_the_place_of_the_one_before_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    write_durably(path, b"before")

    write_durably(path, b"after", mode=0o600)

    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_finds_no_room_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "sources.json"
    write_durably(path, b"before")

    with pytest.raises(OSError, match="File too large"), small_disk():
        write_durably(path, bytes(3 * LIMIT))

    assert path.read_bytes() == b"before"
