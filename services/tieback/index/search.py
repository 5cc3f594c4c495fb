"""Vector, full-text and hybrid search over one collection in memory. Runs in a thread, under the lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tieback.core.types import Array, Hit, Modality
from tieback.index.balance import SAMPLE, as_of_reference
from tieback.index.filters import Check, Filter
from tieback.index.memory import Memory

# A hybrid search merges rankings this much deeper than what is asked for, so that a section that is fairly
# good in both can win.
_DEEPER = 4
_DEEPEST_AT_LEAST = 100

Ranked = tuple[Array, Array]  # positions and scores, best first


@dataclass(frozen=True, slots=True)
class Query:
    """A checked request: `vector` is float32 `[width]`; `fuse` merges scores `[2, candidates]`."""

    vector: Array | None
    text: str
    limit: int
    filter: Filter | None
    fuse: Callable[[Array], Array]
    balance: bool
    check: Check


def search(memory: Memory, query: Query) -> list[Hit]:
    """The nearest sections, best first; equal scores are ordered by item id and ordinal."""
    scans = memory.scan(query.filter, query.check)
    with memory.lock.reading():
        allowed = memory.allowed(query.filter, scans, query.check)
        if not allowed.any():
            return []
        return _Search(memory, query, allowed).hits()


class _Search:
    """One search; `allowed` is the mask of sections that may be found."""

    def __init__(self, memory: Memory, query: Query, allowed: Array) -> None:
        self._memory = memory
        self._query = query
        self._allowed = allowed
        self._shares = np.zeros(len(allowed), np.float32)  # of the words' best score, by position
        self._matched = np.zeros(len(allowed), np.float32)  # of the words, by position
        self._compared: _Modalities | None = None
        if query.text:
            positions, shares, matched = memory.words.shares(query.text, query.check)
            self._shares[positions] = shares
            self._matched[positions] = matched
            self._shares[~allowed] = 0
        if query.vector is not None and query.balance:
            self._compared = _Modalities(memory, query.vector)

    def hits(self) -> list[Hit]:
        """What was found."""
        limit = self._query.limit
        if self._query.vector is None:
            positions, scores = self._by_words(limit)
            return self._answer(positions, scores, None)
        self._query.check("the search for the vector")
        if not self._query.text:
            positions, similarities = self._by_vector(self._query.vector, limit)
            return self._answer(positions, self._compare(positions, similarities), similarities)
        depth = max(_DEEPER * limit, _DEEPEST_AT_LEAST)
        positions, similarities = self._by_vector(self._query.vector, depth)
        more = np.setdiff1d(self._by_words(depth)[0], positions)
        if len(more):
            found = self._memory.scores(more, self._query.vector)
            positions = np.concatenate((positions, more))
            similarities = np.concatenate((similarities, found))
        if not len(positions):
            return []
        shares = self._shares[positions].astype(np.float64)
        rankings = np.stack((self._compare(positions, similarities), np.where(shares > 0, shares, np.nan)))
        return self._answer(positions, self._query.fuse(rankings), similarities)

    def _by_words(self, depth: int) -> Ranked:
        """Of sections with equal scores at the end, those are taken that come first by id."""
        positions = np.flatnonzero(self._shares)
        if len(positions) > depth:
            shares = self._shares[positions]
            positions = positions[shares >= np.partition(shares, -depth)[-depth]]
        return positions, self._shares[positions]

    def _by_vector(self, vector: Array, depth: int) -> Ranked:
        if self._compared is None:
            return self._memory.nearest(vector, depth, self._allowed)
        found = [
            self._memory.nearest(vector, depth, self._allowed & kind)
            for kind in self._compared.kinds
            if (self._allowed & kind).any()
        ]
        positions, similarities = (np.concatenate(one) for one in zip(*found, strict=True))
        return positions, similarities

    def _compare(self, positions: Array, similarities: Array) -> Array:
        """What vector hits are ranked by; the similarities themselves unless modalities are balanced."""
        if self._compared is None:
            return similarities
        return self._compared.scores(positions, similarities)

    def _answer(self, positions: Array, scores: Array, similarities: Array | None) -> list[Hit]:
        limit, memory = self._query.limit, self._memory
        if len(scores) > limit:  # and all that are equal to the last
            kept = scores >= np.partition(scores, -limit)[-limit]
            positions, scores = positions[kept], scores[kept]
            similarities = None if similarities is None else similarities[kept]
        places = {position: place for place, position in enumerate(positions.tolist())}
        ordered = sorted(places, key=lambda one: (-scores[places[one]], memory.order_key(one)))
        vector = self._query.vector
        return [
            memory.hit(
                position,
                float(scores[places[position]]),
                None if similarities is None else float(similarities[places[position]]),
                float(self._shares[position]) or None,
                float(self._matched[position]) if self._shares[position] else None,
                None if vector is None else memory.parts.best_box(position, vector),
            )
            for position in ordered[:limit]
        ]


class _Modalities:
    """The modalities of a collection, and how similar a query is to sections of each at large.

    `kinds` are masks of living sections. Backgrounds are of all sections, whatever a filter lets through.
    """

    def __init__(self, memory: Memory, vector: Array) -> None:
        self.kinds = [kind for one in Modality if (kind := memory.of_modality(one)).any()]
        self._backgrounds: list[Array] = []
        self._complete: list[bool] = []
        if len(self.kinds) > 1:
            for kind in self.kinds:
                rows, whole = _sample(memory, kind)
                self._backgrounds.append(memory.scores(rows, vector))
                self._complete.append(whole)

    def scores(self, positions: Array, similarities: Array) -> Array:
        """Similarities `[n]` of sections at these positions, made comparable."""
        if len(self.kinds) < 2:
            return similarities
        members = [kind[positions] for kind in self.kinds]
        hits = [similarities[member] for member in members]
        compared = similarities.astype(np.float64)
        for member, scores in zip(
            members, as_of_reference(hits, self._backgrounds, self._complete), strict=True
        ):
            compared[member] = scores
        return compared


def _sample(memory: Memory, kind: Array) -> tuple[Array, bool]:
    """Positions that stand for a modality, and whether they are all of it."""
    rows = np.flatnonzero(kind)
    vectors = len(rows) + int(memory.parts.counts(len(kind))[rows].sum())
    size = len(rows) if vectors <= SAMPLE else max(SAMPLE * len(rows) // vectors, 1)
    if len(rows) <= size:
        return rows, True
    # The same sample for the same rows: a search is repeatable.
    return np.sort(np.random.default_rng(0).choice(rows, size, replace=False)), False
