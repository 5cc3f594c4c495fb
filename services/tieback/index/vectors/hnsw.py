"""A graph over vectors in which the nearest of very many are found by walking from neighbour to neighbour.

Hierarchical navigable small worlds (Malkov and Yashunin 2016, arXiv:1603.09320), by faiss. Nodes are numbered
in the order in which they are added, and stay. How far a search has to look (its effort: `efSearch`) is
measured: of some hundred vectors that are not in the graph, the exact nearest neighbours are found, and the
smallest effort is taken that finds the share `RECALL` of them. It fails where queries lie elsewhere than the
vectors do, and where vectors differ much in length: the graph is made for directions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput
from tieback.index.vectors import faiss
from tieback.index.vectors.neighbours import FEW, RECALL, Efforts, Neighbours

_LINKS = 16  # of a node on the upper levels, twice as many on the lowest
_LOOKED_AT_WHILE_BUILT = 80
_EFFORTS = (10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024)
_AT_ONCE = 8192  # rows that are compared at a time


class Graph:
    """Nodes with vectors of float32, or in half precision. Searched from any thread, changed by one alone."""

    def __init__(self, width: int, *, half: bool) -> None:
        by_product = faiss.METRIC_INNER_PRODUCT
        self.kind = np.dtype(np.float16 if half else np.float32)
        """Of the numbers of vectors."""
        self._rows = (
            faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, by_product)
            if half
            else faiss.IndexFlatIP(width)
        )
        self._index = faiss.IndexHNSW(self._rows, _LINKS)
        self._search = self._index.search_c
        self._index.hnsw.efConstruction = _LOOKED_AT_WHILE_BUILT
        self._width = width
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def bytes(self) -> int:
        """Of the vectors and their links."""
        links = 4 * self._index.hnsw.neighbors.size() + 12 * len(self)
        return int(len(self) * self._rows.code_size + links)

    def add(self, vectors: Array) -> None:
        """Adds nodes for vectors `[n, width]`. Takes some tenths of a millisecond for each."""
        if len(vectors):
            self._index.add(np.ascontiguousarray(vectors, np.float32))
            self._count += len(vectors)

    def rows(self) -> Array:
        """The vectors `[nodes, width]` where faiss keeps them, in their precision; valid until `add`."""
        if not len(self):
            return np.zeros((0, self._width), self.kind)
        flat = faiss.rev_swig_ptr(self._rows.codes.data(), len(self) * self._rows.code_size)
        return np.asarray(flat).view(self.kind).reshape(len(self), self._width)

    def search(self, query: Array, limit: int, effort: int) -> tuple[Array, Array]:
        """The nearest nodes, best first, and their similarities; `effort` is `limit` at least."""
        query = np.ascontiguousarray(query, np.float32)
        nodes, similarities = np.empty(limit, np.int64), np.empty(limit, np.float32)
        pointer = faiss.swig_ptr
        # The wrapper of `search` takes a tenth of its time.
        self._search(1, pointer(query), limit, pointer(similarities), pointer(nodes), _options(effort))
        if nodes[-1] >= 0:
            return nodes, similarities
        there = nodes >= 0
        return nodes[there], similarities[there]

    def similarities(self, query: Array, nodes: Array | None = None) -> Array:
        """The exact similarities of some nodes, or of all."""
        rows = self.rows()
        count = len(rows) if nodes is None else len(nodes)
        found = np.empty(count, np.float32)
        for begin in range(0, count, _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            chosen = rows[some] if nodes is None else rows[nodes[some]]
            found[some] = np.asarray(chosen, np.float32) @ query
        return found

    def measured(self, queries: Array) -> Efforts:
        """The efforts by queries `[n, width]` that are no nodes."""
        rows, exact = self.rows(), Neighbours(queries)
        for begin in range(0, len(rows), _AT_ONCE):
            some = np.asarray(rows[begin : begin + _AT_ONCE], np.float32)
            exact.see(np.arange(begin, begin + len(some)), some)
        few = _least(lambda effort: self._recall(queries, exact.numbers[:, :FEW], effort))
        many = _least(lambda effort: self._recall(queries, exact.numbers, effort))
        return Efforts(few, max(few, many), len(rows))

    def links(self) -> Mapping[str, Array]:
        """What `linked` makes the graph of again, beside the vectors."""
        hnsw = self._index.hnsw
        neighbours = faiss.rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size())
        return {
            "levels": faiss.vector_to_array(hnsw.levels).astype(np.int8),
            "neighbours": np.array(neighbours, np.int32),
            "entry": np.array([hnsw.entry_point], np.int64),
        }

    @classmethod
    def linked(cls, width: int, links: Mapping[str, Array], *, half: bool) -> Graph:
        """A graph with these links whose vectors are zeros. InvalidInput where they are none."""
        made = cls(width, half=half)
        hnsw, levels = made._index.hnsw, links["levels"].astype(np.int32)
        _check(links, levels, faiss.vector_to_array(hnsw.cum_nneighbor_per_level))
        faiss.copy_array_to_vector(levels, hnsw.levels)
        hnsw.prepare_level_tab(len(levels), True)
        faiss.rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size())[:] = links["neighbours"]
        hnsw.entry_point = int(links["entry"][0])
        hnsw.max_level = int(levels.max()) - 1
        zeros = np.zeros((_AT_ONCE, width), np.float32)
        for begin in range(0, len(levels), _AT_ONCE):
            made._rows.add(zeros[: len(levels) - begin])
        made._index.ntotal = made._count = len(levels)
        return made

    def _recall(self, queries: Array, exact: Array, effort: int) -> float:
        hits = exact.shape[1]
        found = [self.search(query, hits, max(effort, hits))[0] for query in queries]
        shares = [len(np.intersect1d(best, one)) / hits for best, one in zip(exact, found, strict=True)]
        return float(np.mean(shares))


@lru_cache(256)
def _options(effort: int) -> Any:
    """As faiss takes them; made once, since that takes as long as some comparisons."""
    return faiss.SearchParametersHNSW(efSearch=effort)


def _least(recall: Callable[[int], float]) -> int:
    """The smallest effort that finds enough; the largest where none does."""
    return next((effort for effort in _EFFORTS[:-1] if recall(effort) >= RECALL), _EFFORTS[-1])


def _check(links: Mapping[str, Array], levels: Array, room: Array) -> None:
    """InvalidInput where a walk along the links would leave the graph."""
    count, neighbours, entry = len(levels), links["neighbours"], links["entry"]
    fits = count > 0 and levels.min() >= 1 and levels.max() < len(room)
    fits = fits and neighbours.dtype == np.int32 and int(room[levels].sum(dtype=np.int64)) == len(neighbours)
    fits = fits and neighbours.min() >= -1 and neighbours.max() < count
    if not fits or not 0 <= entry[0] < count or levels[entry[0]] != levels.max():
        raise InvalidInput("the links are of no graph", field="state")
    begins = np.cumsum(room[levels], dtype=np.int64) - room[levels]
    for level in range(1, int(levels.max())):
        there = begins[levels > level]
        slots = there[:, None] + np.arange(room[level], room[level + 1])
        others = neighbours[slots]
        if (levels[others[others >= 0]] <= level).any():
            raise InvalidInput("a link leads to a node that is not on its level", field="state")
