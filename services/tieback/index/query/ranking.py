"""Ranks the sections of a collection by a vector, by words, or by both. Runs under the lock for reading."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.hits import ReadIn

from tieback.collections.balance import SAMPLE, as_of_reference, merging_scales, own_kind_first, related_first
from tieback.collections.grouping import grouped
from tieback.collections.query import Query, SecondQuery
from tieback.collections.words import Matches, expanded
from tieback.core.order import best, by_score, level
from tieback.filters import Check
from tieback.index.memory.collection import Memory
from tieback.index.query.comparison import Comparison
from tieback.index.query.recorder import (
    FEEDBACK,
    MERGE,
    NOBODY,
    VECTORS,
    WORDS,
    Recorder,
    enter,
    note_merge,
    note_vectors,
    note_words,
)
from tieback.methods.query_expansion import Expansion

# A hybrid search merges rankings this much deeper than what is asked for, so that a section that is fairly
# good in both can win.
_DEEPER = 4
_DEEPEST_AT_LEAST = 100

_AT_ONCE = 1 << 15  # vectors of sections that are read at once


class Pool(NamedTuple):
    """Candidates, in any order: their positions `[n]`, what each ranking says of them `[rankings, n]`, and
    what the fusion makes of it `[n]`. NaN stands where a ranking does not hold a candidate.

    `similarities` are those to the vector, where one was given.
    """

    positions: Array
    rankings: Array
    scores: Array
    similarities: Array | None


class ByWords(NamedTuple):
    """Positions of sections that have some of the words: the best by them, and the others."""

    best: Array
    rest: Array


@dataclass(frozen=True, slots=True)
class Ranking:
    """Positions of sections and their scores, best first; `similarities` where a vector was given."""

    positions: Array
    scores: Array
    similarities: Array | None


class Ranker:
    """Sections by a `vector` and by matches of `words`, of which one may be missing.

    How they are compared and merged is the query's; `allowed` is the mask of sections that may be found.
    """

    def __init__(
        self,
        memory: Memory,
        query: Query,
        allowed: Array,
        check: Check,
        *,
        vector: Array | None,
        words: Matches | None,
        recorder: Recorder | None = None,
        second: SecondQuery | None = None,
    ) -> None:
        self._memory = memory
        self.recorder = recorder
        self._query = query
        self._allowed = allowed
        self._check = check
        self._shares = np.zeros(len(allowed), np.float32)  # of the words' best score, by position
        self._matched = np.zeros(len(allowed), np.float32)  # of the words, by position
        self._words = words
        self._compared: Comparison | None = None
        self._balance: _Balance | None = None
        self._own: Array | None = None  # the mask of sections of the modality that comes first
        self.vector_seconds = 0.0
        """How long its first search by the vector took."""
        self._pools: dict[int, Pool] = {}  # by depth; the next ranking may have as many rows
        if words is not None:
            self._shares[words.positions] = words.shares
            self._matched[words.positions] = words.matched
            self._shares[~allowed] = 0
        if vector is not None:
            self._compared = Comparison(
                *(memory, vector, query.ignored),
                by_modality=query.by_modality,
                breadth=query.reach.breadth,
                second=second,
            )
            if query.options.balance_modalities and len(self._compared.groups) > 1:
                self._balance = _Balance(memory, self._compared)
            if query.request.first_modality is not None and len(self._compared.groups) > 1:
                self._own = memory.of_modality(query.request.first_modality)

    def with_query(self, vector: Array | None, words: Matches | None) -> Ranker:
        """A ranker of the same sections, which compares and merges as this one does, for another query."""
        return Ranker(
            *(self._memory, self._query, self._allowed, self._check),
            vector=vector,
            words=words,
            recorder=self.recorder,
        )

    def ranking(self, rows: int) -> Ranking:
        """The best `rows`, and all that are equal to the last; fewer where there are no more."""
        pool = self.pool(rows)
        positions, scores, similarities = pool.positions, pool.scores, pool.similarities
        if self.recorder is not None and self._hybrid:
            self.recorder.cut(MERGE, len(scores), NOBODY, NOBODY)  # a pool may have been cut to fewer rows
        kept = best(scores, rows)
        if not kept.all():
            if self.recorder is not None:
                self.recorder.cut(self.last_step, int(kept.sum()), positions[~kept], scores[~kept])
            positions, scores = positions[kept], scores[kept]
            similarities = None if similarities is None else similarities[kept]
        return self._ordered(positions, scores, similarities)

    def ranking_of(self, positions: Array) -> Ranking:
        """Sections at these positions, best first."""
        pool = self.pool_of(positions)
        return self._ordered(pool.positions, pool.scores, pool.similarities)

    def without(self, left_out: Array) -> Ranker:
        """A ranker of the same query, without the sections of a mask. Nothing is recorded of it."""
        other = copy(self)
        other.recorder, other._pools = None, {}
        other._allowed = self._allowed & ~left_out
        other._shares = np.where(left_out, np.float32(0), self._shares)
        return other

    def pool(self, rows: int) -> Pool:
        """The candidates of which a ranking of so many rows is made."""
        return self.pool_to(max(_DEEPER * rows, _DEEPEST_AT_LEAST) if self._hybrid else rows)

    def pool_to(self, depth: int) -> Pool:
        """The best sections by the vector, so many, and by the words."""
        if depth not in self._pools:
            self._pools[depth] = self._candidates(depth)
        return self._pools[depth]

    def pool_of(self, positions: Array) -> Pool:
        """Sections at these positions as candidates, also those that `pool` would not choose."""
        if self._compared is None:
            shares = self._shares[positions]
            return Pool(positions, shares[None], shares, None)
        parts = [positions[begin : begin + _AT_ONCE] for begin in range(0, len(positions), _AT_ONCE)]
        scores = [np.zeros(0, np.float32), *map(self._compared.scores, parts)]
        return self._pool(positions, np.concatenate(scores))

    def shares_together(self, positions: Array, groups: Array) -> Array | None:
        """The shares of the words' best score of groups of sections `[groups]`, where there are words."""
        if self._words is None:
            return None
        terms, words, items = self._words.terms, self._memory.words, self._memory.item_count
        return words.shares_together(terms, positions, groups, items, self._check)

    def rankings(self, similarities: Array | None, shares: Array | None) -> Array:
        """What the vector and the words say of candidates, `[rankings, n]`, on scales that can be merged."""
        if self._words is None or shares is None:
            return np.asarray(similarities)[None]
        if similarities is None:
            return shares[None]
        return merging_scales(similarities, shares, self._words.words)

    def merged(self, rankings: Array) -> Array:
        """The scores `[n]` of candidates by what one or two rankings say of them `[rankings, n]`."""
        return rankings[0] if len(rankings) == 1 else self._query.fuse(rankings)

    @property
    def last_step(self) -> str:
        """The name of the step that makes its rankings."""
        return MERGE if self._hybrid else WORDS if self._compared is None else VECTORS

    @property
    def _hybrid(self) -> bool:
        return self._compared is not None and self._words is not None

    def similarities(self, positions: Array) -> Array | None:
        """Those of sections at these positions to the vector, where one was given."""
        return None if self._compared is None else self._compared.scores(positions)

    def vector_for(self, position: int) -> Array | None:
        """The vector that the section at a position is compared with."""
        return None if self._compared is None else self._compared.vector_for(position)

    def read_as(self, position: int) -> tuple[ReadIn, float] | None:
        """See `Comparison`; None too where no vector was given."""
        return None if self._compared is None else self._compared.read_as(position)

    def words_at(self, position: int) -> tuple[float | None, float | None]:
        """Shares of the words' best score and of the words, of a section that has some of them."""
        share = float(self._shares[position])
        return (share, float(self._matched[position])) if share else (None, None)

    def _ordered(self, positions: Array, scores: Array, similarities: Array | None) -> Ranking:
        order = by_score(scores, lambda place: self._memory.order_key(int(positions[place])))
        return Ranking(positions[order], scores[order], None if similarities is None else similarities[order])

    def _candidates(self, depth: int) -> Pool:
        self._check("the ranking of the sections")
        if self._compared is None:
            enter(self.recorder, WORDS)
            found = self._by_words(depth)
            positions, shares = found.best, level(self._shares[found.best])
            if self.recorder is not None:
                note_words(self.recorder, self._allowed, self._shares, found)
            return Pool(positions, shares[None], shares, None)
        enter(self.recorder, VECTORS)
        begun = time.perf_counter()
        positions, similarities = self._compared.nearest(depth, self._allowed)
        self.vector_seconds = self.vector_seconds or time.perf_counter() - begun
        near, found = len(positions), ByWords(NOBODY, NOBODY)
        if self._words is not None:
            enter(self.recorder, MERGE)
            found = self._by_words(depth)
            more = np.setdiff1d(found.best, positions)
            if len(more):
                positions = np.concatenate((positions, more))
                similarities = np.concatenate((similarities, self._compared.scores(more)))
        pool = self._pool(positions, similarities)
        if self.recorder is not None:
            note_vectors(self.recorder, self._allowed, pool, near)
            if self._words is not None:
                note_words(self.recorder, self._allowed, self._shares, found, self._words.words**0.5)
                note_merge(self.recorder, pool, near, found.best)
        return pool

    def _pool(self, positions: Array, similarities: Array) -> Pool:
        """Sections at these positions as candidates, whose similarities are known."""
        if self._words is not None and not len(positions):
            return Pool(positions, np.zeros((2, 0)), similarities, similarities)
        similarities = level(similarities)
        rankings = self.rankings(self._balanced(positions, similarities), self._shares[positions])
        return Pool(positions, rankings, self.merged(rankings), similarities)

    def _by_words(self, depth: int) -> ByWords:
        """The best positions, and all that are equal to the last: the order by ids decides between those."""
        positions = np.flatnonzero(self._shares)
        if len(positions) <= depth:
            return ByWords(positions, NOBODY)
        kept = best(self._shares[positions], depth)
        return ByWords(positions[kept], positions[~kept])

    def _balanced(self, positions: Array, similarities: Array) -> Array:
        """Scores to rank vector hits by: the similarities themselves, unless it is asked for otherwise."""
        least = self._query.related_from
        if self._balance is not None:
            balanced = self._balance.scores(positions, similarities)
            return balanced if self._hybrid else related_first(balanced, similarities, least)
        if self._own is not None and not self._hybrid:
            return own_kind_first(similarities, self._own[positions], least)
        return similarities


class _Balance:
    """How similar a query is to sections of each modality at large, whatever a filter lets through.

    The groups of the comparison are the modalities, two or more.
    """

    def __init__(self, memory: Memory, compared: Comparison) -> None:
        self._kinds = [group.mask for group in compared.groups if group.mask is not None]
        samples = [_sample(memory, kind) for kind in self._kinds]
        self._backgrounds = [compared.scores(rows) for rows, _ in samples]
        self._complete = [whole for _, whole in samples]

    def scores(self, positions: Array, similarities: Array) -> Array:
        """Similarities `[n]` of sections at these positions, made comparable."""
        members = [kind[positions] for kind in self._kinds]
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
    vectors = len(rows) + int(memory.regions.counts(len(kind))[rows].sum())
    size = len(rows) if vectors <= SAMPLE else max(SAMPLE * len(rows) // vectors, 1)
    if len(rows) <= size:
        return rows, True
    # The same sample for the same rows: a search is repeatable.
    return np.sort(np.random.default_rng(0).choice(rows, size, replace=False)), False


# A query expanded by what it found (pseudo-relevance feedback). Runs under the lock for reading.
#
# The first search is that of the query as it is given: with its filter, and with as many hits of a text or
# an item as the query allows. The method (`methods/query_expansion/`) says how many of the best hits it
# takes as relevant, and what the vector and the words become by them.
_ROWS = 25
"""Sections of the first ranking that are read: some more than documents that a method takes, because several
can be of one text, and as many as a hybrid search for ten hits ranks anyway."""


def expanded_ranker(
    memory: Memory,
    query: Query,
    expansion: Expansion,
    first: Ranker,
    check: Check,
    recorder: Recorder | None = None,
) -> Ranker | None:
    """The ranker of the second search; None where the query stays as it is, or found nothing."""
    pool = first.pool(_ROWS)
    enter(recorder, FEEDBACK)
    count = expansion.feedback(pool.rankings)
    if not count:
        return None
    positions = first.ranking(_ROWS).positions
    enter(recorder, FEEDBACK)
    hits = grouped(memory, query, positions.tolist(), count)
    if not hits:
        return None
    check("the second search")
    relevant = positions[[row for row, *_ in hits]]
    vector, words = query.vector, None
    if vector is not None:
        vector = expansion.vector(vector, memory.vectors.take(relevant))
    if query.text:
        terms = memory.words.terms(query.text)
        if terms:
            sections = [memory.words_of(position) for position in relevant.tolist()]
            terms = expanded(memory.words, terms, sections, expansion.words)
    if recorder is not None:
        recorder.passed(FEEDBACK, len(relevant), len(relevant))
        recorder.expanded()
        recorder.enter(WORDS if query.text else VECTORS)
    if query.text:
        words = memory.words.matches(terms, check)
    return first.with_query(vector, words)
