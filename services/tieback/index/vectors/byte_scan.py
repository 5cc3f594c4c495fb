"""Which vectors can be among the nearest, by a scan of copies of one byte a dimension.

A scan is bound by memory: of 10,000 vectors of width 1,792, a scan of bytes takes less than half the time of
one in half precision. Each dimension has a range, by which its values are divided to make a byte, and the
query's is multiplied. The similarities are inexact by at most what the Cauchy–Schwarz inequality gives for
the rounding of the vectors and of the query, summed over groups of dimensions: outliers in a block that a
query hardly weights matter little to it. So the scan gives more candidates than are asked for, and says what
any other vector can have at most. Where that is below what the candidates have exactly, the answer is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.vectors import faiss

STEPS = 127
"""The largest value of a copy."""

MORE = 64
"""Candidates beyond what is asked for, at least; and three times as many as are asked for."""

_GROWTH = 1.5
"""Copies are made anew once so many times the vectors were put: the ranges follow what comes."""

_GROWTH_WHERE_CUT = 1.05
"""The same where a value was put that is far outside its dimension's range."""

_GROUP = 64
"""Dimensions."""

_ROUNDING = 1.01
"""How much larger the bound is than for exact arithmetic, for the rounding of the products themselves."""

_MARGIN = 2.0
"""How much wider a dimension's range is than its largest value: sparse dimensions have larger ones later."""

_LARGEST = float(np.finfo(np.float32).max) / _MARGIN

_SMALLEST = 1e-30
"""Dimensions without a larger value have no range of their own: they count as zeros."""

_CHUNK = 1024  # rows that are copied at a time


class ByteScan:
    """Copies of `vectors` `[n, width]`, which are finite, by position."""

    def __init__(self, vectors: Array) -> None:
        width = vectors.shape[1]
        largest = np.max([np.abs(chunk).max(axis=0) for chunk in _chunks(vectors)], axis=0)
        widest = _MARGIN * np.minimum(largest, _LARGEST)
        self._range = np.where(largest > _SMALLEST, widest, np.float32(1))
        self._groups = np.arange(0, width, _GROUP)
        # Of any copy, in steps by group: its distance to the vector, and its length.
        self._wrong, self._longest = np.zeros((2, len(self._groups)), np.float32)
        self._made_of, self._put = len(vectors), 0  # vectors
        self._index: Any = faiss.IndexScalarQuantizer(
            width, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )
        self._add(vectors)

    @property
    def bytes(self) -> int:
        """Bytes of the copies."""
        return int(self._index.ntotal * self._index.code_size)

    @property
    def is_outgrown(self) -> bool:
        """Whether copies should be made anew: enough was put to be worth it."""
        is_cut = self._wrong.max() > 0.5 * _GROUP**0.5  # where no value is outside its range, it is less
        return self._made_of + self._put > self._made_of * (_GROWTH_WHERE_CUT if is_cut else _GROWTH)

    def put(self, positions: Array, vectors: Array) -> None:
        """Sets `vectors` `[n, width]` at `positions` `[n]`; new ones ascend and follow the highest so far."""
        self._put += len(vectors)
        fresh = positions >= self._index.ntotal
        if not fresh.all():
            # faiss keeps a signed byte as its distance from the lowest.
            copies = self._copied(vectors[~fresh]) + (STEPS + 1)
            self._codes()[positions[~fresh]] = copies.astype(np.uint8)
        self._add(vectors[fresh])

    def candidates(self, query: Array, limit: int, selector: Any) -> tuple[Array, float]:
        """Positions that can be among the best `limit`, and the most that any other can have."""
        scaled = query.astype(np.float64) * self._range
        largest = np.abs(scaled).max()
        steps = STEPS / largest if largest > 0 else 1.0
        scaled *= steps
        copy = np.rint(scaled)
        parameters = faiss.SearchParameters(sel=selector)
        similarities, positions = self._index.search(
            copy[None].astype(np.float32), limit + max(MORE, 3 * limit), params=parameters
        )
        there = positions[0] >= 0
        if not there.all():
            return positions[0][there], -np.inf  # no other passes
        wrong = self._wrong @ self._lengths(scaled) + self._longest @ self._lengths(scaled - copy)
        return positions[0], (float(similarities[0][-1]) + _ROUNDING * float(wrong)) / (steps * STEPS)

    def _add(self, vectors: Array) -> None:
        for chunk in _chunks(vectors):
            self._index.add(self._copied(chunk))

    def _copied(self, vectors: Array) -> Array:
        """The copies of `vectors` as float32, after noting how far from them they are."""
        with np.errstate(
            over="ignore"
        ):  # what is so far outside is infinitely wrong, and nothing is excluded
            exact = np.asarray(vectors, np.float32) * (np.float32(STEPS) / self._range)
            copies = np.clip(np.rint(exact), -STEPS, STEPS)
            self._wrong = np.maximum(self._wrong, self._lengths(exact - copies).max(axis=0))
        self._longest = np.maximum(self._longest, self._lengths(copies).max(axis=0))
        return copies

    def _lengths(self, rows: Array) -> Array:
        """How long rows `[…, width]` are in each group, `[…, groups]`."""
        return np.asarray(np.sqrt(np.add.reduceat(rows * rows, self._groups, axis=-1)))

    def _codes(self) -> Array:
        """The copies where faiss keeps them; valid until the next `add`."""
        flat = faiss.rev_swig_ptr(self._index.codes.data(), self._index.ntotal * self._index.code_size)
        return np.asarray(flat).reshape(self._index.ntotal, self._index.d)


def _chunks(vectors: Array) -> list[Array]:
    return [vectors[begin : begin + _CHUNK] for begin in range(0, len(vectors), _CHUNK)]
