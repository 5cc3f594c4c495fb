"""The hot vectors: similarity search in memory by faiss.

Vectors live at positions that the collection assigns and reuses. Few are searched exactly; of many, a trained
inverted file is made (FAISS, Douze et al. 2024, arXiv:2401.08281). All similarities are inner products. In
half precision vectors take half the memory and come back in float32. Few of them are an inverted file of one
list: where all similarities are asked for, faiss scans a list ten times as fast as its flat index of half
precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import faiss as _faiss
import numpy as np
from tieback_contract.arrays import Array

from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors.byte_scan import ByteScan

faiss: Any = _faiss  # its stubs leave out what its Python wrapper adds

_POINTS_PER_LIST = 40  # faiss warns below 39
_LISTS_A_PROBE = 10  # one of so many is looked into
_PROBES_HALF = 4.2  # for the root of the number of lists: grows slower than the parts, and finds 0.99
_FEW, _NEARLY_ALL = 256, 0.85
_ROUNDS = 8
_LOWEST = float(np.finfo(np.float32).min)
SCANNED_FROM, SCANNED_FOR = 2_000, 257
"""From so many vectors on, an exact search for at most so many looks at copies in bytes first: 256, and one
more that tells whether the last is tied. For more, faiss takes longer to keep them in order than the scan
saves."""

_CHUNK = 8192  # rows that are widened to float32 at a time


Structure = Literal["none", "lists", "graph"]
"""What candidates are found by: without one, every vector is compared."""


MANY = 100
"""Neighbours that are found, where there are as many."""


class Neighbours:
    """The nearest of all vectors to some queries `[queries, width]`; `own` is what each is itself, if any."""

    def __init__(self, queries: Array, own: Array | None = None) -> None:
        self._queries, self._own = queries, own
        self._numbers = np.zeros((len(queries), 0), np.int64)
        self._similarities = np.zeros((len(queries), 0), np.float32)

    def see(self, numbers: Array, vectors: Array) -> None:
        """Looks at more of the vectors."""
        similarities = self._queries @ vectors.T
        if self._own is not None:
            similarities[self._own[:, None] == numbers] = -np.inf
        every = np.concatenate((self._similarities, similarities), axis=1)
        known = np.concatenate((self._numbers, np.broadcast_to(numbers, similarities.shape)), axis=1)
        best = np.argpartition(-every, min(MANY, every.shape[1] - 1), axis=1)[:, :MANY]
        self._similarities = np.take_along_axis(every, best, 1)
        self._numbers = np.take_along_axis(known, best, 1)

    @property
    def numbers(self) -> Array:
        """Of each, `MANY` neighbours or as many as there are, best first."""
        return np.take_along_axis(self._numbers, np.argsort(-self._similarities, axis=1), 1)


class Vectors(Protocol):
    """What the collection needs of either kind."""

    def put(self, positions: Array, vectors: Array) -> None:
        """Sets `vectors` `[n, width]` at `positions` `[n]`; new ones ascend and follow the highest so far."""
        ...

    def remove(self, positions: Array) -> None:
        """Forgets positions; they may be put again."""
        ...

    def take(self, positions: Array) -> Array:
        """The vectors `[n, width]`, float32, at positions that hold one."""
        ...

    def search(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """The nearest allowed positions and their similarities, best first; `allowed` is a mask.

        Looks at `breadth` times as many lists or candidates as by itself; all where it is `EVERY`.
        """
        ...

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """The allowed positions, in any order, and their similarities: of each, with one scan."""
        ...

    @property
    def exact(self) -> bool:
        """Whether a search looks at every allowed vector."""
        ...

    @property
    def structure(self) -> Structure:
        """What a search finds candidates by; a filter or a breadth may still have all compared."""
        ...

    @property
    def resident_bytes(self) -> int:
        """Bytes of the vectors in memory."""
        ...


class StoredVectors(Vectors, Protocol):
    """What a collection needs of all its vectors, by position."""

    @property
    def current(self) -> Vectors:
        """The kind that is searched now."""
        ...

    @property
    def trained_on(self) -> int:
        """How many vectors its codec was learned from; 0 where it was not, or learns nothing."""
        ...

    def reserve(self, count: int) -> None:
        """Makes room on disk for positions below `count`, which `put` relies on. StorageFull if need be."""
        ...

    def wants_training(self, count: int) -> bool:
        """Whether so many have outgrown exact search, or the lists they were sorted into."""
        ...

    def train(self, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """Builds an inverted file beside the searches and swaps it in. Seconds; one at a time.

        `living` gives the mask of positions in use, under the lock.
        """
        ...


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
        with _selected(allowed) as selector:
            if self._scan is not None and limit <= SCANNED_FOR:
                found = self._scan.candidates(query, limit, selector)
                best = _exact(self._exactly(found[0], query), *found, limit)
                if best is not None:
                    return best
            parameters = faiss.SearchParameters(sel=selector)
            return _found(self._index.search(query[None], limit, params=parameters))

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        with _selected(allowed) as selector:
            parameters = faiss.SearchParameters(sel=selector)
            _, similarities, positions = self._index.range_search(query[None], _LOWEST, params=parameters)
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
        with _selected(allowed) as selector:
            parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
            return _found(self._index.search(query[None], limit, params=parameters))

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        count = int(np.count_nonzero(allowed))
        if not self.exact and count <= _FEW:  # looking for them in all lists takes longer
            positions = np.flatnonzero(allowed)
            return positions, self.take(positions) @ query
        if count > _NEARLY_ALL * self._index.ntotal:  # asking for each whether it is allowed takes longer
            parameters = faiss.SearchParametersIVF(nprobe=self._lists)
            _, similarities, positions = self._index.range_search(query[None], _LOWEST, params=parameters)
            wanted = allowed[positions]
            return positions[wanted], similarities[wanted]
        with _selected(allowed) as selector:
            parameters = faiss.SearchParametersIVF(nprobe=self._lists, sel=selector)
            _, similarities, positions = self._index.range_search(query[None], _LOWEST, params=parameters)
        return positions, similarities

    def _add(self, positions: Array, vectors: Array) -> None:
        self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), positions.astype(np.int64))


def _exact(similarities: Array, positions: Array, others: float, limit: int) -> tuple[Array, Array] | None:
    """The best of the candidates; None where others, which have `others` at most, may be among them."""
    order = np.argsort(-similarities, kind="stable")[:limit]
    if len(order) and not similarities[order[-1]] > others:  # also where a product overflowed
        return None
    return positions[order], similarities[order]


def one_thread() -> None:
    """Keeps faiss on the calling thread: searches share the machine by being many, not by being wide."""
    faiss.omp_set_num_threads(1)


@contextmanager
def _selected(allowed: Array) -> Iterator[Any]:
    """A mask as faiss reads it, which does not keep the bits alive itself."""
    bits = np.packbits(allowed, bitorder="little")
    yield faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))


def _sample(vectors: Array, most: int) -> Array:
    """Rows to find the lists' centres by, float32; the same of the same vectors."""
    if len(vectors) > most:
        chosen = np.random.default_rng(0).choice(len(vectors), most, replace=False)
        vectors = vectors[np.sort(chosen)]
    return np.ascontiguousarray(vectors, np.float32)


def _found(answer: tuple[Array, Array]) -> tuple[Array, Array]:
    similarities, positions = answer[0][0], answer[1][0]
    there = positions >= 0
    return positions[there], similarities[there]
