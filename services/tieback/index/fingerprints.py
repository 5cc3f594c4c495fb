"""Rows of vectors by their content: numbers by which what is kept of rows finds them again."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

_GOLDEN = 0x9E3779B97F4A7C15  # multiples of it are spread evenly


def fingerprints(rows: Array) -> Array:
    """A number of 64 bits for each row `[n, columns]`, by its bytes."""
    taken = np.ascontiguousarray(rows).view(np.uint8)
    words = taken.view(np.uint32) if taken.shape[1] % 4 == 0 else taken
    weights = np.arange(1, words.shape[1] + 1, dtype=np.uint64) * np.uint64(_GOLDEN) | np.uint64(1)
    return np.asarray(words.astype(np.uint64) @ weights).view(np.int64)


class Fingerprints:
    """Which of many has a row; of equal rows each is given once."""

    def __init__(self, numbers: Array) -> None:
        """By the fingerprint of each; those with 0 have no row."""
        order = np.argsort(numbers, kind="stable")
        order = order[numbers[order] != 0]
        self._owners = order.astype(np.int32)
        self._numbers, self._begins = np.unique(numbers[order], return_index=True)
        self._given = np.zeros(len(self._numbers), np.int32)

    @property
    def bytes(self) -> int:
        """Bytes in memory."""
        return sum(one.nbytes for one in (self._owners, self._numbers, self._begins, self._given))

    def claimed(self, numbers: Array) -> Array:
        """Whose rows these are `[n]`; -1 where it is nobody's, or all were given."""
        found = np.full(len(numbers), -1, np.int64)
        if not len(self._numbers):
            return found
        places = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        known = np.flatnonzero(self._numbers[places] == numbers)
        order = known[np.argsort(places[known], kind="stable")]
        first = np.flatnonzero(np.diff(places[order], prepend=-1))
        lengths = np.diff([*first, len(order)])
        turn = np.arange(len(order)) - np.repeat(first, lengths) + self._given[places[order]]
        there = self._begins[places[order]] + turn
        ends = np.append(self._begins[1:], len(self._owners))
        fits = there < ends[places[order]]
        found[order[fits]] = self._owners[there[fits]]
        np.add.at(self._given, places[order[fits]], 1)
        return found
