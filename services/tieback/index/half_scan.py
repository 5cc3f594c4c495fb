"""Which vectors can be among the nearest, by a scan of copies in half precision: the scan is bound by memory.

Of 10,000 vectors of width 1,024 it takes a third of the time of a scan in single precision. Its similarities
are rounded, so it gives more candidates than are asked for, and says what any other vector can have at most.
Where that is below what the candidates have exactly, the answer is exact.
"""

from __future__ import annotations

from typing import Any

import faiss as _faiss
import numpy as np

from tieback.core.types import Array

faiss: Any = _faiss  # its stubs leave out what its Python wrapper adds

LARGEST = 60_000.0
"""Of a value; half precision ends at 65,504."""

MORE = 32
"""Candidates beyond what is asked for, at least; and a quarter of it."""

# Twice what rounding does at most: relative to a value, and to one below half precision's normal range.
_ROUNDING, _SMALLEST = 2.0**-10, 2.0**-24


class HalfScan:
    """Copies of vectors by position. It gives up for good where a value does not fit."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._longest = 0.0
        self._index: Any = faiss.IndexScalarQuantizer(
            width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )

    def put(self, positions: Array, vectors: Array) -> None:
        """Sets `vectors` `[n, width]` at `positions` `[n]`; new ones ascend and follow the highest so far."""
        if self._index is None or not len(vectors):
            return
        if np.abs(vectors).max() > LARGEST:
            self._index = None
            return
        self._longest = max(self._longest, float(np.linalg.norm(vectors, axis=1).max()))
        fresh = positions >= self._index.ntotal
        if not fresh.all():
            self._codes()[positions[~fresh]] = vectors[~fresh].astype(np.float16)
        if fresh.any():
            self._index.add(np.ascontiguousarray(vectors[fresh], np.float32))

    def candidates(self, query: Array, limit: int, selector: Any) -> tuple[Array, float] | None:
        """Positions that can be among the best `limit`, and the most that any other can have.

        None where it has given up.
        """
        if self._index is None:
            return None
        asked = limit + max(MORE, limit // 4)
        parameters = faiss.SearchParameters(sel=selector)
        similarities, positions = self._index.search(query[None], asked, params=parameters)
        there = positions[0] >= 0
        if not there.all():
            return positions[0][there], -np.inf  # no other passes
        wrong = _ROUNDING * self._longest + _SMALLEST * self._width**0.5
        return positions[0], float(similarities[0][-1]) + wrong * float(np.linalg.norm(query))

    def _codes(self) -> Array:
        """The copies where faiss keeps them; valid until the next `add`."""
        flat = faiss.rev_swig_ptr(self._index.codes.data(), self._index.ntotal * self._index.code_size)
        return np.asarray(flat).view(np.float16).reshape(self._index.ntotal, self._width)
