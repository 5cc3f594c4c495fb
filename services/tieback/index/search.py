"""Vector, full-text and hybrid search over one collection in memory. Runs in a thread, under the lock."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.locators import LocatorKind, Locators
from tieback.core.types.search import Hit
from tieback.core.types.vectors import MultiVector
from tieback.index.balance import SAMPLE, as_of_reference
from tieback.index.collapsing import collapsed
from tieback.index.comparison import Comparison, Found
from tieback.index.filters import Check
from tieback.index.memory import Memory
from tieback.index.query import Query

# A hybrid search merges rankings this much deeper than what is asked for, so that a section that is fairly
# good in both can win.
_DEEPER = 4
_DEEPEST_AT_LEAST = 100

# Bytes of the multi-vectors of one reply.
_MULTI_VECTOR_BYTES = 8 << 20

# Of a ranking that is collapsed so many rows are read for each hit, at first: of ten sections of abstracts
# seven are of different texts.
_ROWS_A_HIT = 2


@dataclass(frozen=True, slots=True)
class Ranking:
    """Positions of sections and their scores, best first; `similarities` where a vector was given."""

    positions: Array
    scores: Array
    similarities: Array | None


def search(memory: Memory, query: Query, check: Check) -> list[Hit]:
    """The nearest sections, best first; equal scores are ordered by item id and ordinal."""
    scans = memory.scan(query.filter, check)
    with memory.lock.reading():
        allowed = memory.allowed(query.filter, scans, check)
        if not allowed.any():
            return []
        return _Search(memory, query, allowed, check).hits()


class _Search:
    """One search; `allowed` is the mask of sections that may be found."""

    def __init__(self, memory: Memory, query: Query, allowed: Array, check: Check) -> None:
        self._memory = memory
        self._query = query
        self._check = check
        self._allowed = allowed
        self._shares = np.zeros(len(allowed), np.float32)  # of the words' best score, by position
        self._matched = np.zeros(len(allowed), np.float32)  # of the words, by position
        self._words = 1.0  # of the query, as so many of one rarity
        self._compared: Comparison | None = None
        self._balance: _Balance | None = None
        if query.text:
            positions, shares, matched, self._words = memory.words.shares(query.text, check)
            self._shares[positions] = shares
            self._matched[positions] = matched
            self._shares[~allowed] = 0
        if query.vector is not None:
            self._compared = Comparison(memory, query.vector, query.ignored, by_modality=query.balance)
            if query.balance and len(self._compared.groups) > 1:
                self._balance = _Balance(memory, self._compared)

    def hits(self) -> list[Hit]:
        """What was found."""
        limit = self._query.limit
        collapse = self._query.collapse and self._memory.continuing > 0
        rows = _ROWS_A_HIT * limit if collapse else limit
        while True:
            ranking = self._ranking(rows)
            positions = ranking.positions.tolist()
            texts = [self._memory.text_of(position) for position in positions] if collapse else positions
            hits = collapsed(texts, limit)
            # A hit is MOST_PIECES rows at most, so this ends soon.
            if len(hits) == limit or len(positions) < rows:
                found = [self._hit(ranking, row, others) for row, *others in hits]
                return self._with_vectors(found, [positions[row] for row, *_ in hits])
            rows *= 2

    def _ranking(self, rows: int) -> Ranking:
        """The best `rows`, and all that are equal to the last; fewer where there are no more."""
        if self._compared is None:
            return self._ordered(*self._by_words(rows), None, rows)
        self._check("the search for the vector")
        if not self._query.text:
            positions, similarities = self._compared.nearest(rows, self._allowed)
            return self._ordered(positions, self._balanced(positions, similarities), similarities, rows)
        depth = max(_DEEPER * rows, _DEEPEST_AT_LEAST)
        positions, similarities = self._compared.nearest(depth, self._allowed)
        more = np.setdiff1d(self._by_words(depth)[0], positions)
        if len(more):
            positions = np.concatenate((positions, more))
            similarities = np.concatenate((similarities, self._compared.scores(more)))
        if not len(positions):
            return Ranking(positions, similarities, similarities)
        by_words = self._shares[positions].astype(np.float64) * self._words**0.5
        by_vector = _of_the_best(self._balanced(positions, similarities))
        rankings = np.stack((by_vector, np.where(by_words > 0, by_words, np.nan)))
        return self._ordered(positions, self._query.fuse(rankings), similarities, rows)

    def _by_words(self, depth: int) -> Found:
        """Of sections with equal scores at the end, those are taken that come first by id."""
        positions = np.flatnonzero(self._shares)
        if len(positions) > depth:
            shares = self._shares[positions]
            positions = positions[shares >= np.partition(shares, -depth)[-depth]]
        return positions, self._shares[positions]

    def _balanced(self, positions: Array, similarities: Array) -> Array:
        """What vector hits are ranked by; the similarities themselves unless modalities are balanced."""
        return similarities if self._balance is None else self._balance.scores(positions, similarities)

    def _ordered(self, positions: Array, scores: Array, similarities: Array | None, rows: int) -> Ranking:
        if len(scores) > rows:  # and all that are equal to the last
            kept = scores >= np.partition(scores, -rows)[-rows]
            positions, scores = positions[kept], scores[kept]
            similarities = None if similarities is None else similarities[kept]
        keys = [self._memory.order_key(position) for position in positions.tolist()]
        order = sorted(range(len(keys)), key=lambda place: (-scores[place], keys[place]))
        return Ranking(positions[order], scores[order], None if similarities is None else similarities[order])

    def _with_vectors(self, hits: Sequence[Hit], positions: Sequence[int]) -> list[Hit]:
        """The hits, with the vectors of those that have several where they are wanted and there is room."""
        space, room = self._query.multi_vectors, _MULTI_VECTOR_BYTES
        found: list[Hit] = []
        for hit, position in zip(hits, positions, strict=True):
            several = None if space is None else self._memory.regions.all_of(position)
            if space is not None and several is not None and (room := room - several[0].nbytes) >= 0:
                values, boxes = several
                multi = MultiVector(space, values, Locators(LocatorKind.BOX, boxes))
                hit = dataclasses.replace(hit, multi_vector=multi)
            found.append(hit)
        return found

    def _hit(self, ranking: Ranking, row: int, others: Sequence[int]) -> Hit:
        """The hit of a row; `others` are rows of further pieces of its text."""
        position, compared = int(ranking.positions[row]), self._compared
        pieces = [
            self._memory.found_piece(
                int(ranking.positions[one]), float(ranking.scores[one]), *self._evidence(ranking, one)
            )
            for one in others
        ]
        vector_score, words_matched = self._evidence(ranking, row)
        return self._memory.hit(
            position,
            float(ranking.scores[row]),
            vector_score,
            float(self._shares[position]) or None,
            words_matched,
            None
            if compared is None
            else self._memory.regions.best_box(position, compared.vector_for(position)),
            pieces,
        )

    def _evidence(self, ranking: Ranking, row: int) -> tuple[float | None, float | None]:
        """The similarity of a row and the share of the query's words that it has, where it has some."""
        position = int(ranking.positions[row])
        return (
            None if ranking.similarities is None else float(ranking.similarities[row]),
            float(self._matched[position]) if self._shares[position] else None,
        )


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


def _of_the_best(similarities: Array) -> Array:
    """Similarities as shares of the best one: encoders differ in how similar anything is to a query."""
    best = similarities.max()
    return similarities / best if best > 0 else similarities


def _sample(memory: Memory, kind: Array) -> tuple[Array, bool]:
    """Positions that stand for a modality, and whether they are all of it."""
    rows = np.flatnonzero(kind)
    vectors = len(rows) + int(memory.regions.counts(len(kind))[rows].sum())
    size = len(rows) if vectors <= SAMPLE else max(SAMPLE * len(rows) // vectors, 1)
    if len(rows) <= size:
        return rows, True
    # The same sample for the same rows: a search is repeatable.
    return np.sort(np.random.default_rng(0).choice(rows, size, replace=False)), False
