"""Rows on disk by position, in a file without a name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tieback.core.errors import StorageFull
from tieback.index.vectors.coded import RowFile

COLUMNS = 3
PUTS = st.lists(st.lists(st.integers(0, 2000), min_size=1, max_size=20, unique=True), max_size=10)


@settings(max_examples=50, deadline=None)
@given(puts=PUTS)
def test_a_row_is_what_was_put_last_at_its_position(
    tmp_path_factory: pytest.TempPathFactory, puts: list[list[int]]
) -> None:
    file = RowFile(tmp_path_factory.getbasetemp(), np.dtype(np.float32), COLUMNS)
    known = np.zeros((2001, COLUMNS), np.float32)

    for number, positions in enumerate(puts, start=1):
        places = np.array(positions)
        known[places] = number + places[:, None] / 4096
        file.reserve(max(positions) + 1)
        file.put(places, known[places])

    every = np.array(sorted({position for positions in puts for position in positions}), np.int64)
    assert (file.take(every) == known[every]).all()
    assert file.take(every[:0]).shape == (0, COLUMNS)


def test_the_file_has_no_name(tmp_path: Path) -> None:
    file = RowFile(tmp_path, np.dtype(np.int8), COLUMNS)
    file.reserve(1000)

    assert list(tmp_path.iterdir()) == []


def test_a_reader_keeps_its_rows_where_the_file_grows(tmp_path: Path) -> None:
    file = RowFile(tmp_path, np.dtype(np.uint64), 1)
    file.reserve(1)
    file.put(np.array([0]), np.array([[7]], np.uint64))

    for size in (10, 1000, 100_000):
        file.reserve(size)

    assert file.take(np.array([0, 99_999])).tolist() == [[7], [0]]


def test_what_does_not_fit_on_the_disk_is_refused_before_it_is_written(small_disk: Path) -> None:
    file = RowFile(small_disk, np.dtype(np.float32), 256)
    file.reserve(10)

    with pytest.raises(StorageFull, match="free space"):
        file.reserve(100_000)

    file.put(np.array([9]), np.full((1, 256), 2.5, np.float32))
    assert (file.take(np.array([9])) == 2.5).all()
