"""Float32 of which every vector is compared, by faiss and by a scan of copies in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.vectors import Structure, faiss
from tieback.index.vectors.byte_scan import ByteScan

SCANNED_FROM, SCANNED_FOR = 2_000, 257
"""From so many vectors on, an exact search for at most so many looks at copies in bytes first: 256, and one
more that tells whether the last is tied. For more, faiss takes longer to keep them in order than the scan
saves."""

LOWEST = float(np.finfo(np.float32).min)


class FlatVectors:
    """Exact search. Removed positions keep their vector: the mask hides them until they are reused."""

    exact = True
    structure: Structure = "none"

    def __init__(self, width: int) -> None:
        self._width = width
        self._index = faiss.IndexFlatIP(width)
        self._scan: ByteScan | None = None

    @property
    def resident_bytes(self) -> int:
        """See `Vectors`. Copies in bytes are among them."""
        copies = 0 if self._scan is None else self._scan.bytes
        return int(self._index.ntotal * self._index.code_size) + copies

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        fresh = positions >= self._index.ntotal
        if not fresh.all():
            self._matrix()[positions[~fresh]] = vectors[~fresh]
        if fresh.any():
            self._index.add(np.ascontiguousarray(vectors[fresh], np.float32))
        if self._scan is not None:
            self._scan.put(positions, vectors)
        if self._index.ntotal >= SCANNED_FROM and (self._scan is None or self._scan.is_outgrown):
            self._scan = ByteScan(self._matrix())

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""

    def take(self, positions: Array) -> Array:
        """See `Vectors`."""
        return np.asarray(self._matrix()[positions])

    def search(
        self,
        query: Array,
        limit: int,
        allowed: Array,
        breadth: float = 1.0,  # noqa: ARG002 - it looks at all
    ) -> tuple[Array, Array]:
        """See `Vectors`."""
        with selected(allowed) as selector:
            if self._scan is not None and limit <= SCANNED_FOR:
                positions, others = self._scan.candidates(query, limit, selector)
                best = _exact(self._exactly(positions, query), positions, others, limit)
                if best is not None:
                    return best
            parameters = faiss.SearchParameters(sel=selector)
            return found(self._index.search(query[None], limit, params=parameters))

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        with selected(allowed) as selector:
            parameters = faiss.SearchParameters(sel=selector)
            _, similarities, positions = self._index.range_search(query[None], LOWEST, params=parameters)
        return positions, similarities

    def _exactly(self, positions: Array, query: Array) -> Array:
        """The similarities at some positions, without a copy of their vectors."""
        query, found = np.ascontiguousarray(query), np.empty(len(positions), np.float32)
        wanted = np.ascontiguousarray(positions)
        if len(found):  # faiss refuses to compute none
            self._index.compute_distance_subset(
                1, faiss.swig_ptr(query), len(found), faiss.swig_ptr(found), faiss.swig_ptr(wanted)
            )
        return found

    def _matrix(self) -> Array:
        """The vectors where faiss keeps them; valid until the next `add`."""
        index = self._index
        if not index.ntotal:
            return np.zeros((0, self._width), np.float32)
        flat = faiss.rev_swig_ptr(index.codes.data(), index.ntotal * index.code_size)
        return np.asarray(flat).view(np.float32).reshape(index.ntotal, self._width)


def _exact(similarities: Array, positions: Array, others: float, limit: int) -> tuple[Array, Array] | None:
    """The best of the candidates; None where others, which have `others` at most, may be among them."""
    order = np.argsort(-similarities, kind="stable")[:limit]
    if len(order) and not similarities[order[-1]] > others:  # also where a product overflowed
        return None
    return positions[order], similarities[order]


@contextmanager
def selected(allowed: Array) -> Iterator[Any]:
    """A mask as faiss reads it, which does not keep the bits alive itself."""
    bits = np.packbits(allowed, bitorder="little")
    yield faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))


def found(answer: tuple[Array, Array]) -> tuple[Array, Array]:
    """The positions and similarities of an answer of faiss, which fills up with positions below 0."""
    similarities, positions = answer[0][0], answer[1][0]
    there = positions >= 0
    return positions[there], similarities[there]
