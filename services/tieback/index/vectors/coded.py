"""The vectors of a collection by a codec whose rows choose candidates.

A search has two steps: the rows in memory choose candidates, and the rows of these on disk give their
similarities. Where a filter lets no more through than would be chosen, all of them are compared. Of many
vectors, the rows are compared that are in the lists nearest to the query (`index/vectors/position_lists.py`).
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.durable_files import storage_errors
from tieback.index.vectors import Structure
from tieback.index.vectors.position_lists import KnownLists, PositionLists
from tieback.methods.codecs import Codec, Shortlist, plain
from tieback.methods.vector_search import EVERY

_AT_ONCE = 2 << 20  # bytes of rows that are compared at a time
_SPARSE = 0.5  # of the rows: where a mask lets fewer through, they are picked out
_GROWTH, _FEWEST = 8, 256  # room for an eighth more rows than there are, and for so many


# Rows on disk by position: what the vectors of a collection's candidates are read from.
#
# The file has no name: it is gone with the process, however that ends, and is made again of the table at
# start. It is written by calls, whose errors can be told, and read through a mapping. So the rows that are
# asked for often stay in the page cache, which the system takes back where memory is short.
_FEWEST_ROWS = 64
_ROWS_GROWTH = 8  # an eighth more than is asked for, so that the file is seldom mapped again


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
        room = count + max(count // _ROWS_GROWTH, _FEWEST_ROWS)
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


class CodedVectors:
    """`Vectors` whose rows in memory choose what is read from disk."""

    exact = False

    def __init__(
        self, width: int, codec: Codec, shortlist: Shortlist, folder: Path, *, learned_bytes: int = 0
    ) -> None:
        """Without any; the file is on the disk of `folder`. What the codec learned has bytes too."""
        self.lists: PositionLists | None = None
        """Those that a search looks into; without them all rows are compared."""
        self.known = KnownLists()
        """The lists of rows as they were kept."""
        self._codec, self._oversampling = codec, shortlist.oversampling
        self._rescoring = plain(shortlist.rescoring, width, field="rescoring")
        self._file = RowFile(folder, self._rescoring.dtype, self._rescoring.columns)
        self._rows = np.zeros((0, codec.columns), codec.dtype)
        self._learned_bytes = learned_bytes

    @property
    def structure(self) -> Structure:
        """See `Vectors`."""
        return "none" if self.lists is None else "lists"

    @property
    def resident_bytes(self) -> int:
        """See `Vectors`."""
        lists = 0 if self.lists is None else self.lists.bytes
        return self._rows.nbytes + self._learned_bytes + self.known.bytes + lists

    def reserve(self, count: int) -> None:
        """See `GrowingVectors`."""
        self._file.reserve(count)

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        size = int(positions.max(initial=-1)) + 1
        self.reserve(size)
        if size > len(self._rows):
            room = np.zeros((size + max(size // _GROWTH, _FEWEST), self._codec.columns), self._codec.dtype)
            room[: len(self._rows)] = self._rows
            self._rows = room
        self._rows[positions] = self._codec.encode(vectors)
        rows = self._rescoring.encode(vectors)
        self._file.put(positions, rows)
        if self.lists is not None:
            self.lists.put(positions, self.known.lists_of(self.lists.centres, rows, vectors))

    def remove(self, positions: Array) -> None:
        """See `Vectors`. Without lists, the mask hides them until their places are used again."""
        if self.lists is not None:
            self.lists.remove(positions)

    def take(self, positions: Array) -> Array:
        """See `Vectors`."""
        return self._rescoring.decode(self._file.take(positions))

    def rows_on_disk(self, positions: Array) -> Array:
        """The rows at positions by which candidates are compared."""
        return self._file.take(positions)

    def search(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """See `Vectors`. Candidates that are as good as the last one are compared as well."""
        positions = self.looked_at(query, limit, allowed, breadth)
        most = max(self._oversampling * breadth, 1) * limit
        if len(positions) > most:
            most = math.ceil(most)
            likely = self._likely(query, positions, len(allowed))
            positions = positions[likely >= np.partition(likely, -most)[-most]]
        similarities = self._similarities(query, positions)
        best = np.argsort(-similarities, kind="stable")[:limit]
        return positions[best], similarities[best]

    def looked_at(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> Array:
        """Positions whose rows in memory a search compares."""
        found = None
        if self.lists is not None and breadth != EVERY:
            found = self.lists.candidates(query, limit, allowed, breadth)
        return np.flatnonzero(allowed) if found is None else found

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`. Reads the rows of all of them from disk."""
        positions = np.flatnonzero(allowed)
        return positions, self._similarities(query, positions)

    def _likely(self, query: Array, positions: Array, size: int) -> Array:
        """How similar the codec's rows at some of the first `size` positions are."""
        compared, row_bytes = self._codec.similarities, self._codec.row_bytes
        if len(positions) < _SPARSE * size:
            return _by_chunk(lambda chunk: compared(query, self._rows[chunk]), positions, row_bytes)
        return _by_chunk(lambda chunk: compared(query, chunk), self._rows[:size], row_bytes)[positions]

    def _similarities(self, query: Array, positions: Array) -> Array:
        """By the rows on disk, `[positions]`."""
        compared, row_bytes = self._rescoring.similarities, self._rescoring.row_bytes
        return _by_chunk(lambda chunk: compared(query, self._file.take(chunk)), positions, row_bytes)


def _by_chunk(compare: Callable[[Array], Array], what: Array, row_bytes: int) -> Array:
    """What `compare` gives of all, some at a time: chunks of rows stay in the processor's cache."""
    size = max(_AT_ONCE // row_bytes, 1)
    chunks = [compare(what[begin : begin + size]) for begin in range(0, len(what), size)]
    return np.concatenate([np.zeros(0, np.float32), *chunks])
