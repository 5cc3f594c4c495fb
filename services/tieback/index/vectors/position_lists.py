"""Positions in lists by the direction of their vectors: where the nearest of very many are looked for.

An inverted file (Sivic & Zisserman 2003, doi:10.1109/ICCV.2003.1238663) whose centres are found by spherical
k-means. How many lists a search looks into is measured when they are made: of some hundred of the vectors,
the exact nearest neighbours are found among all, and as many lists are taken as hold the share `RECALL` of
them. For more hits than that was measured for, it takes more lists, by how the number grew between two
measurements. It fails for queries that lie elsewhere than the vectors do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.room import grown
from tieback.index.vectors import faiss
from tieback.index.vectors.learned_state import fingerprints
from tieback.index.vectors.neighbours import FEW, MANY, QUERIES, RECALL, Efforts, Neighbours

_LISTS_BY_ROOT = 4  # lists for the root of the number of vectors
_POINTS_PER_LIST = 24  # of which k-means finds a centre
_ROUNDS = 8
_FEWEST_PROBES = 8
_NOWHERE = -1
_CHUNK = 8192  # vectors that are read at a time
_SMALLEST = 1e-30
_NO_ROWS, _NO_LISTS = np.zeros(0, np.int64), np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Centres:
    """Directions `[lists, width]`, and into how many lists a search looks."""

    directions: Array
    efforts: Efforts

    def nearest(self, vectors: Array) -> Array:
        """The list of each vector `[n]`."""
        index = faiss.IndexFlatIP(self.directions.shape[1])
        index.add(self.directions)
        parts = [index.search(_float32(part), 1)[1][:, 0] for part in _chunks(vectors)]
        return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int32)


class KnownLists:
    """The `lists` of vectors as they were kept, by the fingerprints of their `rows` on disk, ascending."""

    def __init__(self, rows: Array = _NO_ROWS, lists: Array = _NO_LISTS) -> None:
        self._rows, self._lists = rows, lists

    @property
    def bytes(self) -> int:
        """Bytes in memory."""
        return self._rows.nbytes + self._lists.nbytes

    def lists_of(self, centres: Centres, rows: Array, vectors: Array) -> Array:
        """The list of each vector: that which its row had before, or the nearest."""
        if not len(self._rows):
            return centres.nearest(vectors)
        named = fingerprints(rows)
        places = np.minimum(np.searchsorted(self._rows, named), len(self._rows) - 1)
        is_known = self._rows[places] == named
        found = self._lists[places]
        found[~is_known] = centres.nearest(vectors[~is_known])
        return found


class PositionLists:
    """Positions by list. Changed under the collection's lock for writing, read under it."""

    def __init__(self, centres: Centres) -> None:
        self.centres = centres
        self.count = 0
        """Positions that are in a list."""
        lists = len(centres.directions)
        self._members = [np.zeros(0, np.int32) for _ in range(lists)]
        self._used = np.zeros(lists, np.int64)
        self._list_of = np.zeros(0, np.int32)  # by position

    @property
    def bytes(self) -> int:
        """Bytes in memory."""
        members = sum(one.nbytes for one in self._members)
        return members + self._list_of.nbytes + self.centres.directions.nbytes

    def put(self, positions: Array, lists: Array) -> None:
        """Puts positions into lists `[n]`, from wherever they were."""
        self.remove(positions)
        self._list_of = grown(self._list_of, int(positions.max(initial=-1)) + 1, _NOWHERE)
        self._list_of[positions] = lists
        self.count += len(positions)
        order = np.argsort(lists, kind="stable")
        begins = np.flatnonzero(np.diff(lists[order], prepend=-1))
        for number, new in zip(
            lists[order][begins].tolist(), np.split(positions[order], begins[1:]), strict=False
        ):
            used = int(self._used[number])
            self._used[number] = end = used + len(new)
            members = self._members[number]
            if end > len(members):
                members = self._members[number] = np.resize(members, end + end // 4)
            members[used:end] = new

    def remove(self, positions: Array) -> None:
        """Takes positions out of their lists, where they are in one."""
        there = positions[positions < len(self._list_of)]
        for position in there[self._list_of[there] != _NOWHERE].tolist():
            number = int(self._list_of[position])
            self._used[number] = last = int(self._used[number]) - 1
            members = self._members[number]
            members[np.flatnonzero(members[: last + 1] == position)[0]] = members[last]
            self._list_of[position] = _NOWHERE
            self.count -= 1

    def candidates(self, query: Array, hits: int, allowed: Array, breadth: float = 1.0) -> Array | None:
        """The allowed positions `[n]` of the lists that are nearest to a query.

        The fewer of all are `allowed`, the more lists are looked into. None where these would be most of
        them, or hold more than there are allowed ones: looking at each of those is less work.
        """
        wanted, lists = int(np.count_nonzero(allowed)), len(self._members)
        probes = math.ceil(breadth * self.centres.efforts.effort(hits) * self.count / max(wanted, 1))
        if 2 * probes > lists or wanted < self.count * probes / lists:
            return None
        similarities = self.centres.directions @ query
        nearest = np.argpartition(-similarities, probes)[:probes].tolist()
        found = np.concatenate([self._members[number][: self._used[number]] for number in nearest])
        return found if wanted == self.count else found[allowed[found]]


def trained(count: int, read: Callable[[Array], Array]) -> tuple[Centres, Array]:
    """Centres for `count` vectors, and the list of each `[count]`. `read` gives vectors by their numbers.

    Takes minutes for a million.
    """
    rng = np.random.default_rng(0)
    lists = max(int(_LISTS_BY_ROOT * math.sqrt(count)), 1)
    # Vectors by which centres were found are nearer to them than others are.
    drawn = rng.choice(count, min(_POINTS_PER_LIST * lists + QUERIES, count), replace=False)
    queried = min(QUERIES, count // 4)
    measured, sample = np.sort(drawn[:queried]), np.sort(drawn[queried:])
    vectors = _unit(np.concatenate([read(part) for part in _chunks(sample)]))
    found = faiss.Kmeans(
        *(vectors.shape[1], lists),
        **{"niter": _ROUNDS, "spherical": True, "seed": 0, "min_points_per_centroid": 1},
        max_points_per_centroid=_POINTS_PER_LIST,
    )
    found.train(vectors)
    directions = np.ascontiguousarray(found.centroids, np.float32)
    queries = _float32(read(measured))
    list_of = np.zeros(count, np.int32)
    neighbours, first = Neighbours(queries, measured), Centres(directions, Efforts(1, 1, count))
    for numbers in _chunks(np.arange(count)):
        vectors = _float32(read(numbers))
        list_of[numbers] = first.nearest(vectors)
        neighbours.see(numbers, vectors)
    ranks = _ranks(queries @ directions.T, list_of[neighbours.numbers])
    few, many = (_enough(ranks[:, :hits], lists) for hits in (FEW, MANY))
    return Centres(directions, Efforts(few, max(few, many), count)), list_of


def _ranks(similarities: Array, lists: Array) -> Array:
    """How many lists are nearer to a query than that of each of its neighbours, `[queries, neighbours]`."""
    own = np.take_along_axis(similarities, lists, 1)
    return np.stack(
        [(row[None] > mine[:, None]).sum(axis=1) for row, mine in zip(similarities, own, strict=True)]
    )


def _enough(ranks: Array, lists: int) -> int:
    """As many of the nearest lists as hold the share `RECALL` of neighbours with these ranks."""
    wanted = np.quantile(ranks, RECALL, method="higher") + 1
    return min(max(int(wanted), _FEWEST_PROBES), lists)


def _unit(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return _float32(vectors / np.maximum(lengths, _SMALLEST))


def _float32(vectors: Array) -> Array:
    return np.ascontiguousarray(vectors, np.float32)


def _chunks(rows: Array) -> Iterator[Array]:
    for begin in range(0, len(rows), _CHUNK):
        yield rows[begin : begin + _CHUNK]
