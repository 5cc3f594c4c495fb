"""Inverted files of faiss (Douze et al. 2024, arXiv:2401.08281), of float32 or in half precision.

In half precision vectors take half the memory and come back in float32. Few of them are an inverted file of
one list: where all similarities are asked for, faiss scans a list ten times as fast as its flat index of half
precision.
"""

from __future__ import annotations

import math

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.vectors import Structure, Vectors, faiss
from tieback.index.vectors.flat import LOWEST, FlatVectors, found, selected
from tieback.index.vectors.growing import FLAT_UP_TO, GROWTH, GrowingVectors, Work
from tieback.methods.codecs import LARGEST_HALF

_POINTS_PER_LIST = 40  # faiss warns below 39
_LISTS_A_PROBE = 10  # one of so many is looked into
_PROBES_HALF = 4.2  # for the root of the number of lists: grows slower than the parts, and finds 0.99
_FEW, _NEARLY_ALL = 256, 0.85
_ROUNDS = 8
_CHUNK = 8192  # rows that are widened to float32 at a time


class InvertedVectors:
    """Search in the lists nearest to the query; about a tenth of them, more under a narrow filter.

    With one list, search is exact. The lists are found by a sample of `train`, of which there are `count`.
    """

    def __init__(self, width: int, *, half: bool, train: Array | None = None, count: int = 0) -> None:
        self.trained_on = count
        self._lists = 1 if train is None else max(int(2 * math.sqrt(count)), 1)
        probes = _PROBES_HALF * math.sqrt(self._lists) if half else self._lists / _LISTS_A_PROBE
        self._probes = max(min(16, self._lists), min(int(probes), self._lists))
        self._centres = faiss.IndexFlatIP(width)
        by_product = faiss.METRIC_INNER_PRODUCT
        self._index = (
            faiss.IndexIVFScalarQuantizer(
                self._centres, width, self._lists, faiss.ScalarQuantizer.QT_fp16, by_product, False
            )
            if half
            else faiss.IndexIVFFlat(self._centres, width, self._lists, by_product)
        )
        self._index.set_direct_map_type(faiss.DirectMap.Hashtable)  # finds a vector by position
        self._index.cp.niter = _ROUNDS
        self._index.cp.max_points_per_centroid = _POINTS_PER_LIST
        self._index.cp.min_points_per_centroid = 1  # small ones are trained in tests; no warning on stderr
        if train is None:
            self._centres.add(np.zeros((1, width), np.float32))
        self._index.train(
            np.zeros((1, width), np.float32)
            if train is None
            else _sample(train, _POINTS_PER_LIST * self._lists)
        )

    @classmethod
    def trained(cls, positions: Array, vectors: Array, half: bool) -> InvertedVectors:
        """The vectors `[n, width]` at positions `[n]`, in lists that are found by them. Takes seconds."""
        made = cls(vectors.shape[1], half=half, train=vectors, count=len(positions))
        for begin in range(0, len(positions), _CHUNK):
            rows = slice(begin, begin + _CHUNK)
            made._add(positions[rows], vectors[rows])
        return made

    @property
    def exact(self) -> bool:
        """See `Vectors`."""
        return self._lists == 1

    @property
    def structure(self) -> Structure:
        """See `Vectors`."""
        return "none" if self.exact else "lists"

    @property
    def resident_bytes(self) -> int:
        """See `Vectors`. A vector has its position of 8 bytes beside it."""
        index, centres = self._index, self._centres
        return int(index.ntotal * (index.code_size + 8) + centres.ntotal * centres.code_size)

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        self.remove(positions)
        self._add(positions, vectors)

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""
        wanted = np.ascontiguousarray(positions, np.int64)
        self._index.remove_ids(faiss.IDSelectorArray(len(wanted), faiss.swig_ptr(wanted)))

    def take(self, positions: Array) -> Array:
        """See `Vectors`."""
        return np.asarray(self._index.reconstruct_batch(np.ascontiguousarray(positions, np.int64)))

    def search(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """See `Vectors`."""
        share = max(float(allowed.sum()) / max(self._index.ntotal, 1), 1e-9)
        probes = math.ceil(min(self._lists, max(self._probes * breadth / min(share, 1.0), 1)))
        with selected(allowed) as selector:
            parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
            return found(self._index.search(query[None], limit, params=parameters))

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        count = int(np.count_nonzero(allowed))
        if not self.exact and count <= _FEW:  # looking for them in all lists takes longer
            positions = np.flatnonzero(allowed)
            return positions, self.take(positions) @ query
        if count > _NEARLY_ALL * self._index.ntotal:  # asking for each whether it is allowed takes longer
            parameters = faiss.SearchParametersIVF(nprobe=self._lists)
            _, similarities, positions = self._index.range_search(query[None], LOWEST, params=parameters)
            wanted = allowed[positions]
            return positions[wanted], similarities[wanted]
        with selected(allowed) as selector:
            parameters = faiss.SearchParametersIVF(nprobe=self._lists, sel=selector)
            _, similarities, positions = self._index.range_search(query[None], LOWEST, params=parameters)
        return positions, similarities

    def _add(self, positions: Array, vectors: Array) -> None:
        self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), positions.astype(np.int64))


def _sample(vectors: Array, most: int) -> Array:
    """Rows to find the lists' centres by, float32; the same of the same vectors."""
    if len(vectors) > most:
        chosen = np.random.default_rng(0).choice(len(vectors), most, replace=False)
        vectors = vectors[np.sort(chosen)]
    return np.ascontiguousarray(vectors, np.float32)


class _IntoLists:
    """A `Growth`: an inverted file, made anew once there are twice as many vectors. It takes seconds."""

    def __init__(self, *, half: bool) -> None:
        self._half = half

    def is_due(self, current: Vectors, count: int, flat_up_to: int) -> bool:
        """See `Growth`."""
        if isinstance(current, InvertedVectors) and not current.exact:
            return count > GROWTH * current.trained_on
        return count > flat_up_to

    def take(self, work: Work) -> None:
        """See `Growth`."""
        vectors, positions = work.read_all(np.float16 if self._half else np.float32)
        work.become(InvertedVectors.trained(positions, vectors, self._half))


def growing_lists(width: int, flat_up_to: int = FLAT_UP_TO, *, half: bool = False) -> GrowingVectors:
    """Vectors that are all compared up to a number, and in an inverted file from then on."""
    few = InvertedVectors(width, half=True) if half else FlatVectors(width)
    rounded = clipped if half else None
    return GrowingVectors(few, [_IntoLists(half=half)], flat_up_to=flat_up_to, rounded=rounded)


def clipped(vectors: Array) -> Array:
    """Vectors within the range of half precision: what is beyond would be infinite."""
    return np.clip(vectors, -LARGEST_HALF, LARGEST_HALF)
