"""The vectors of the tokens of texts: pooled and coded to be stored, and read from the disk on demand.

A section's rows are stored in the table, and are in a file beside it (`index/vectors/coded.py`) that is made
again at start, at neighbouring places. They are never in memory, but for what the system caches; a section
costs 12 bytes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import MultiVector

from tieback.collections.token_coding import TokenCoding
from tieback.core.room import grown
from tieback.index.vectors.coded import RowFile

_BYTE = np.dtype(np.uint8)


class TokenRows:
    """Stored rows by the positions of their sections. What it does not say is as of `RegionVectors`.

    The places of a section that is gone are used again by one with as many rows.
    """

    def __init__(self, coding: TokenCoding, folder: Path) -> None:
        """Without any; the file is on the disk of `folder`."""
        self.coding = coding
        self.count = 0
        """Rows of living sections."""
        self._file = RowFile(folder, _BYTE, coding.row_bytes)
        self._begins = np.zeros(0, np.int64)  # by position
        self._counts = np.zeros(0, np.int32)  # by position; 0 where it has no rows
        self._free: dict[int, list[int]] = {}  # by number of rows: where so many may begin
        self._used = 0

    @property
    def bytes(self) -> int:
        """Bytes of the rows of living sections, on the disk."""
        return self.count * self.coding.row_bytes

    def reserve(self, rows: int) -> None:
        """Makes room for so many more. StorageFull where the disk is full."""
        self._file.reserve(self._used + rows)

    def put(self, position: int, rows: Array) -> None:
        """Gives a section without rows some, for which there is room."""
        begin = self._begin(len(rows))
        self._begins = grown(self._begins, position + 1, 0)
        self._counts = grown(self._counts, position + 1, 0)
        self._begins[position], self._counts[position] = begin, len(rows)
        self._file.put(np.arange(begin, begin + len(rows)), rows)
        self.count += len(rows)

    def remove(self, position: int) -> None:
        """Forgets a section's rows, where it has some."""
        count = self._count(position)
        if count:
            self._counts[position] = 0
            self._free.setdefault(count, []).append(int(self._begins[position]))
            self.count -= count

    def take(self, positions: Sequence[int], most: int) -> list[MultiVector | None]:
        """The vectors of sections; None where a section has none.

        At most so many rows in all: later sections go without.
        """
        counts = [self._count(position) for position in positions]
        taken = [
            count if total <= most else 0 for count, total in zip(counts, np.cumsum(counts), strict=True)
        ]
        places = [
            np.arange(self._begins[position], self._begins[position] + count)
            for position, count in zip(positions, taken, strict=True)
            if count
        ]
        if not places:
            return [None] * len(taken)
        values, spans = self.coding.decode(self._file.take(np.concatenate(places)))
        ends = np.cumsum(taken)
        space = self.coding.kept.space
        return [
            MultiVector(
                values[end - count : end],
                space,
                Locators(LocatorKind.BYTE_SPAN, spans[end - count : end]),
            )
            if count
            else None
            for count, end in zip(taken, ends.tolist(), strict=True)
        ]

    def _count(self, position: int) -> int:
        return int(self._counts[position]) if position < len(self._counts) else 0

    def _begin(self, count: int) -> int:
        """Where so many places are free."""
        if free := self._free.get(count):
            return free.pop()
        begin, self._used = self._used, self._used + count
        return begin
