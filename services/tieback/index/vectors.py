"""The hot vectors: similarity search in memory by faiss.

Vectors live at positions that the collection assigns and reuses. Up to `FLAT_UP_TO` rows the search is exact;
beyond, a trained inverted file takes over (FAISS, Douze et al. 2024, arXiv:2401.08281), built beside the
searches and swapped in. All similarities are inner products.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import faiss as _faiss
import numpy as np

from tieback.core.types import Array

faiss: Any = _faiss  # its stubs leave out what its Python wrapper adds

FLAT_UP_TO = 50_000
_POINTS_PER_LIST = 40  # faiss warns below 39
_ROUNDS = 8


class Vectors(Protocol):
    """What the collection needs of either kind."""

    def put(self, positions: Array, vectors: Array) -> None:
        """Sets `vectors` `[n, width]` at `positions` `[n]`; new ones ascend and follow the highest so far."""
        ...

    def remove(self, positions: Array) -> None:
        """Forgets positions; they may be put again."""
        ...

    def take(self, positions: Array) -> Array:
        """The vectors `[n, width]` at positions that hold one."""
        ...

    def search(self, query: Array, limit: int, allowed: Array) -> tuple[Array, Array]:
        """The nearest allowed positions and their similarities, best first; `allowed` is a mask."""
        ...


class FlatVectors:
    """Exact search. Removed positions keep their vector: the mask hides them until they are reused."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._index = faiss.IndexFlatIP(width)

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        fresh = positions >= self._index.ntotal
        if fresh.all():
            self._index.add(vectors)
            return
        self._matrix()[positions[~fresh]] = vectors[~fresh]
        if fresh.any():
            self._index.add(np.ascontiguousarray(vectors[fresh]))

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""

    def take(self, positions: Array) -> Array:
        """See `Vectors`."""
        return np.asarray(self._matrix()[positions])

    def search(self, query: Array, limit: int, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        bits = np.packbits(allowed, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        return _found(self._index.search(query[None], limit, params=faiss.SearchParameters(sel=selector)))

    def _matrix(self) -> Array:
        """The vectors where faiss keeps them; valid until the next `add`."""
        size = self._index.ntotal
        flat = (
            faiss.rev_swig_ptr(self._index.get_xb(), size * self._width) if size else np.zeros(0, np.float32)
        )
        return np.asarray(flat).reshape(size, self._width)


class InvertedVectors:
    """Search in the lists nearest to the query; about a tenth of them, more under a narrow filter."""

    def __init__(self, positions: Array, vectors: Array) -> None:
        self.trained_on = len(positions)
        self._lists = max(int(2 * math.sqrt(self.trained_on)), 1)
        self._probes = max(min(16, self._lists), self._lists // 10)
        width = vectors.shape[1]
        self._centres = faiss.IndexFlatIP(width)
        self._index = faiss.IndexIVFFlat(self._centres, width, self._lists, faiss.METRIC_INNER_PRODUCT)
        self._index.set_direct_map_type(faiss.DirectMap.Hashtable)  # finds a vector by position
        self._index.cp.niter = _ROUNDS
        self._index.cp.max_points_per_centroid = _POINTS_PER_LIST
        self._index.cp.min_points_per_centroid = 1  # small ones are trained in tests; no warning on stderr
        self._index.train(vectors)
        self._index.add_with_ids(vectors, positions.astype(np.int64))

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        self.remove(positions)
        self._index.add_with_ids(np.ascontiguousarray(vectors), positions.astype(np.int64))

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""
        wanted = np.ascontiguousarray(positions, np.int64)
        self._index.remove_ids(faiss.IDSelectorArray(len(wanted), faiss.swig_ptr(wanted)))

    def take(self, positions: Array) -> Array:
        """See `Vectors`."""
        return np.asarray(self._index.reconstruct_batch(np.ascontiguousarray(positions, np.int64)))

    def search(self, query: Array, limit: int, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        share = max(float(allowed.sum()) / max(self._index.ntotal, 1), 1e-9)
        probes = min(self._lists, math.ceil(self._probes / min(share, 1.0)))
        bits = np.packbits(allowed, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        return _found(self._index.search(query[None], limit, params=parameters))


def one_thread() -> None:
    """Keeps faiss on the calling thread: searches share the machine by being many, not by being wide."""
    faiss.omp_set_num_threads(1)


def _found(answer: tuple[Array, Array]) -> tuple[Array, Array]:
    similarities, positions = answer[0][0], answer[1][0]
    there = positions >= 0
    return positions[there], similarities[there]
