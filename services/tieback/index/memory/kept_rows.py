"""The rows of a collection in memory, as Arrow columns: what hits and listings are made of when asked for.

A section takes the bytes of its texts and some 40 more; Python objects would take a kilobyte. Values that
repeat are kept once in a chunk of rows, and a column without values takes nothing. Small chunks are merged
once there are many. Rows that are dropped stay until half of all are gone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tieback_contract.arrays import Array

COLUMNS = (
    *("section_id", "modality", "text", "is_text", "content", "section_title", "uri", "item_title"),
    *("metadata", "span_begin", "span_end", "original", "original_bytes", "continues", "segments"),
)
"""Those that an item is made of, beside its id; its vectors are kept elsewhere."""

_LARGEST = 65_536  # rows of a chunk that is merged
_SMALL, _MOST_SMALL = 512, 64  # a chunk of fewer rows is merged with others, as soon as there are so many
_LARGEST_BYTES = 256 * 1024 * 1024  # of a chunk that is merged; Arrow has 2 GiB of text in an array at most
_REPEATED = 0.5  # of the rows: where a column has no more different values than that, each is kept once
_FEWEST_DROPPED = 4096


class KeptRows:
    """Rows by number. Changed under the collection's lock for writing, read under it."""

    def __init__(self) -> None:
        self.size = 0
        """Rows that are kept, dropped ones among them."""
        self.dropped = 0
        self._chunks: list[dict[str, Any]] = []
        self._firsts: list[int] = []
        self._small_from = 0  # chunks from this row on are small

    def append(self, columns: Any) -> int:
        """Takes the `COLUMNS` of a record batch; returns the number of its first row."""
        first = self.size
        chunk = {name: columns.column(name) for name in COLUMNS}
        self._firsts.append(first)
        self._chunks.append(chunk if columns.num_rows < _SMALL else _compact(chunk))
        self.size += columns.num_rows
        small = len(self._chunks) - bisect_left(self._firsts, self._small_from)
        if columns.num_rows >= _SMALL:
            self._small_from = self.size  # what is before a larger chunk stays as it is
        elif small == _MOST_SMALL:
            self._merge(small)
            self._small_from = self.size
        return first

    def _merge(self, count: int) -> None:
        """Makes one chunk of the last ones, and of those before it that are no larger than it is."""
        while count < len(self._chunks):
            before = self._firsts[-count] - self._firsts[-count - 1]
            if before > self.size - self._firsts[-count] or self.size - self._firsts[-count - 1] > _LARGEST:
                break
            count += 1
        merged, self._chunks[-count:] = self._chunks[-count:], []
        if sum(column.nbytes for chunk in merged for column in chunk.values()) > _LARGEST_BYTES:
            self._chunks += merged
            return
        self._chunks.append(_compact({name: _joined([one[name] for one in merged]) for name in COLUMNS}))
        del self._firsts[len(self._chunks) :]

    def drop(self, count: int) -> bool:
        """Notes that so many rows are not needed any more; whether `keep` is worth it."""
        self.dropped += count
        return self.dropped > _FEWEST_DROPPED and self.dropped > 0.5 * self.size

    def keep(self, rows: Array) -> None:
        """Keeps these rows alone, `[n]` ascending; they are numbered 0 to n in this order."""
        old, firsts = self._chunks, [*self._firsts, self.size]
        self.size = self.dropped = self._small_from = 0
        self._chunks, self._firsts = [], []
        for place, chunk in enumerate(old):
            begin, end = np.searchsorted(rows, firsts[place : place + 2])
            if begin < end:
                chosen = pa.array(rows[begin:end] - firsts[place])
                taken = [_plain(chunk[name]).take(chosen) for name in COLUMNS]
                self.append(pa.record_batch(taken, names=COLUMNS))

    def value(self, name: str, row: int) -> Any:
        """A column's value in a row."""
        place = bisect_right(self._firsts, row) - 1
        return self._chunks[place][name][row - self._firsts[place]].as_py()

    def row(self, row: int) -> dict[str, Any]:
        """All of a row."""
        place = bisect_right(self._firsts, row) - 1
        number = row - self._firsts[place]
        return {name: column[number].as_py() for name, column in self._chunks[place].items()}


def _compact(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns in memory of their own, small."""
    return {name: _compact_column(column) for name, column in columns.items()}


def _compact_column(column: Any) -> Any:
    if column.null_count == len(column):
        return pa.nulls(len(column))
    if pa.types.is_string(column.type):
        encoded = column.dictionary_encode()
        if len(encoded.dictionary) <= _REPEATED * len(column):
            return encoded
    # Columns of a table share their memory with those that are not kept, such as the vectors.
    return pa.concat_arrays([column])


def _joined(parts: Sequence[Any]) -> Any:
    plain = [_plain(part) for part in parts]
    kind = next((one.type for one in plain if not pa.types.is_null(one.type)), pa.null())
    return pa.concat_arrays([one.cast(kind) for one in plain])


def _plain(column: Any) -> Any:
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def lengths_of(column: Any) -> Array:
    """Bytes of each value of a column of texts, `[rows]`; nothing counts 0."""
    found = pc.fill_null(pc.binary_length(column), 0)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)
