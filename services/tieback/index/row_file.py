"""Rows on disk by position: what the vectors of a collection's candidates are read from.

The file has no name: it is gone with the process, however that ends, and is made again of the table at start.
It is written by calls, whose errors can be told, and read through a mapping. So the rows that are asked for
often stay in the page cache, which the system takes back where memory is short.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.full_disk import storage_errors

_FEWEST = 64
_GROWTH = 8  # an eighth more than is asked for, so that the file is seldom mapped again


class RowFile:
    """Rows of `columns` numbers. Read from any thread, written by one at a time."""

    def __init__(self, folder: Path, dtype: np.dtype[Any], columns: int) -> None:
        """Makes it, empty, on the disk of a folder. StorageFull where that is full."""
        with storage_errors(), tempfile.TemporaryFile(dir=folder) as file:
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        self._rows: Array = np.zeros((0, columns), dtype)

    def reserve(self, count: int) -> None:
        """Makes room for `count` rows in all, so that writing them takes no more. StorageFull otherwise."""
        known = len(self._rows)
        if count <= known:
            return
        columns, dtype = self._rows.shape[1], self._rows.dtype
        room = count + max(count // _GROWTH, _FEWEST)
        row_bytes = columns * dtype.itemsize
        with storage_errors():
            os.posix_fallocate(self._file, known * row_bytes, (room - known) * row_bytes)
        mapped = mmap.mmap(self._file, room * row_bytes, prot=mmap.PROT_READ)
        mapped.madvise(mmap.MADV_RANDOM)  # no row says which is read next
        self._rows = np.frombuffer(mapped, dtype).reshape(room, columns)

    def put(self, positions: Array, rows: Array) -> None:
        """Sets `rows` `[n, columns]` at `positions` `[n]`, for which there is room."""
        rows = np.ascontiguousarray(rows, self._rows.dtype)
        begins = np.flatnonzero(np.diff(positions, prepend=-2) != 1).tolist()  # runs of neighbours
        for begin, end in zip(begins, [*begins[1:], len(rows)], strict=False):  # no run of no rows
            self._write(int(positions[begin]), rows[begin:end])

    def take(self, positions: Array) -> Array:
        """The rows `[n, columns]` at positions that were put."""
        return np.take(self._rows, positions, axis=0)

    def _write(self, position: int, rows: Array) -> None:
        offset = position * self._rows.shape[1] * self._rows.dtype.itemsize
        left = rows.reshape(-1).view(np.uint8).data
        with storage_errors():
            while left:
                written = os.pwrite(self._file, left, offset)
                left, offset = left[written:], offset + written
