"""Signals of the hits, for a learned ranking."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.metadata import Metadata

from tieback.collections.query import Query
from tieback.collections.words import QueryWords, Read, likeness
from tieback.core.types import search as known
from tieback.core.types.search import Signals
from tieback.filters import Check
from tieback.index.memory.collection import Memory
from tieback.index.query.comparison import vectors_of
from tieback.index.query.ranking import Ranker, Ranking, expanded_ranker
from tieback.index.query.recorder import SIGNALS
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step
from tieback.methods.query_expansion import configured

# The signals of hits, for a learned ranking. Runs under the lock for reading.
#
# They are of the query as it was asked, and of the hits beside each other: hits that are similar to other
# good hits are often good themselves (score regularization; Diaz, CIKM 2005). `core/types/search.py` lists
# them.
NEIGHBOURS, NEIGHBOURHOOD = 5, 20
"""Sections whose scores are averaged."""

_FEEDBACK = configured("rocchio", {"agreement": 0.0}, field="query_expansion")


def signals_of(
    memory: Memory,
    query: Query,
    asked: Ranker,
    ranking: Ranking,
    hits: Sequence[Sequence[int]],
    check: Check,
) -> list[Signals]:
    """By hit, the signals that the query wants; one that does not apply is left out.

    `hits` are rows of the ranking, of each hit its section's and those of its other pieces.
    """
    if not hits:
        return []
    found = _Hits(memory, query, asked, ranking, hits, check).computed(query.request.signals)
    table = np.stack(list(found.values()), axis=1).astype(np.float64)
    return [
        {name: value for name, value in zip(found, row, strict=True) if not math.isnan(value)}
        for row in table.tolist()
    ]


class _Hits:
    """The hits of a search, and all that signals are computed from; each only if a signal needs it."""

    def __init__(
        self,
        memory: Memory,
        query: Query,
        asked: Ranker,
        ranking: Ranking,
        hits: Sequence[Sequence[int]],
        check: Check,
    ) -> None:
        self._memory, self._query, self._asked, self._check = memory, query, asked, check
        best = [row for row, *_ in hits]
        # A piece of the same text is like a neighbour: it says as much of the hit.
        rows = [*best, *(row for _, *others in hits for row in others)]
        self._every, self._every_score = ranking.positions[rows], ranking.scores[rows]
        self._count = len(best)
        self._positions, self._scores = self._every[: len(best)], self._every_score[: len(best)]

    def computed(self, wanted: Collection[str]) -> dict[str, Array]:
        """The wanted signals `[n]` by name; NaN where one does not apply."""
        found = {name: make(self) for name, make in _COMPUTED.items() if name in wanted}
        return found | {name: self._of_metadata(name) for name in sorted(wanted) if name not in found}

    @cached_property
    def _sections(self) -> list[Read]:
        """The words of the hits, and then of their further pieces."""
        return [self._memory.read(position) for position in self._every.tolist()]

    @cached_property
    def _query_words(self) -> QueryWords | None:
        return QueryWords(self._memory.words, self._query.text) if self._query.text else None

    @cached_property
    def _by_words(self) -> Array:
        """Shares of the score that the query could give, and of its words, `[2, n]`."""
        if not self._query.text:
            return np.full((2, self._count), np.nan)
        shares = [self._asked.words_at(position) for position in self._positions.tolist()]
        return np.asarray(np.nan_to_num(np.array(shares, np.float64)).T)

    @cached_property
    def _places(self) -> list[tuple[str, float]]:
        return [self._place(position) for position in self._positions.tolist()]

    def _place(self, position: int) -> tuple[str, float]:
        """The item of a section, and where it is in it: 0 for the first section, 1 for the last."""
        item_id, ordinal = self._memory.order_key(position)
        return item_id, ordinal / max(len(self._memory.sections_beside(position)) - 1, 1)

    def search(self) -> Array:
        return self._scores

    def vector(self) -> Array:
        similarities = self._asked.similarities(self._positions)
        return self._absent if similarities is None else similarities

    def words(self) -> Array:
        return np.asarray(self._by_words[0])

    def matched(self) -> Array:
        return np.asarray(self._by_words[1])

    def window(self) -> Array:
        words = self._query_words
        if words is None:
            return self._absent
        return np.array([words.in_window(one) for one in self._sections[: self._count]])

    def beginning(self) -> Array:
        words = self._query_words
        if words is None:
            return self._absent
        return np.array([words.at_beginning(one) for one in self._sections[: self._count]])

    def rarest(self) -> Array:
        words = self._query_words
        if words is None:
            return self._absent
        return np.array([words.rarest(one) for one in self._sections[: self._count]])

    def neighbours(self) -> Array:
        return neighbours(self._every_score, self._alike, NEIGHBOURS)[: self._count]

    def neighbourhood(self) -> Array:
        return neighbours(self._every_score, self._alike, NEIGHBOURHOOD)[: self._count]

    @cached_property
    def _alike(self) -> Array:
        """How alike the hits and their further pieces are, by vectors and words together."""
        self._check("the likeness of the hits")
        alike = likeness(self._sections)
        if self._query.vector is not None:
            vectors = vectors_of(self._memory, self._every, self._query.ignored)
            alike = (alike + _cosines(vectors)) / 2
        return np.asarray(alike)

    def feedback(self) -> Array:
        self._check("the feedback of the hits")
        asked = self._asked
        recorder, asked.recorder = asked.recorder, None  # this is no step by which the hits were found
        try:
            expanded = expanded_ranker(self._memory, self._query, _FEEDBACK, asked, self._check)
            if expanded is None:
                return self._absent
            # The similarity counts as a share of the best one of all, which may be of none of the hits.
            every = np.concatenate((expanded.pool(self._count).positions, self._positions))
            return expanded.pool_of(every).scores[-self._count :]
        finally:
            asked.recorder = recorder

    def length(self) -> Array:
        return np.log1p([len(one.text) for one in self._sections[: self._count]])

    def place(self) -> Array:
        return np.array([place for _, place in self._places])

    def siblings(self) -> Array:
        return _siblings(self._scores, [item for item, _ in self._places])

    def _of_metadata(self, name: str) -> Array:
        values = [known.of_metadata(one, name) for one in self._metadata]
        return np.array([math.nan if value is None else value for value in values])

    @cached_property
    def _metadata(self) -> list[Metadata]:
        return [self._memory.metadata_of(position) for position in self._positions.tolist()]

    @property
    def _absent(self) -> Array:
        return np.full(self._count, np.nan)


_COMPUTED: Mapping[str, Callable[[_Hits], Array]] = {
    known.SEARCH.name: _Hits.search,
    known.VECTOR.name: _Hits.vector,
    known.WORDS.name: _Hits.words,
    known.MATCHED.name: _Hits.matched,
    known.RAREST.name: _Hits.rarest,
    known.FEEDBACK.name: _Hits.feedback,
    known.NEIGHBOURS.name: _Hits.neighbours,
    known.NEIGHBOURHOOD.name: _Hits.neighbourhood,
    known.WINDOW.name: _Hits.window,
    known.BEGINNING.name: _Hits.beginning,
    known.LENGTH.name: _Hits.length,
    known.PLACE.name: _Hits.place,
    known.SIBLINGS.name: _Hits.siblings,
}


def neighbours(scores: Array, alike: Array, count: int) -> Array:
    """The mean score `[n]` of the `count` that are most alike, weighted by that; NaN where none is.

    `alike` `[n, n]`; that of a section and itself does not count.
    """
    weights = np.maximum(alike, 0.0)
    np.fill_diagonal(weights, 0.0)
    if len(scores) > count:
        least = np.partition(weights, -count, axis=1)[:, -count, None]
        weights = np.where(weights >= least, weights, 0.0)
    whole = weights.sum(axis=1)
    return np.where(whole > 0, weights @ scores / np.where(whole > 0, whole, 1.0), np.nan)


def _siblings(scores: Array, items: Sequence[str]) -> Array:
    """The best score of another hit of the same item; NaN where there is none."""
    found = np.full(len(scores), np.nan)
    by_item: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        by_item.setdefault(item, []).append(row)
    for rows in by_item.values():
        for row in rows if len(rows) > 1 else ():
            found[row] = max(scores[other] for other in rows if other != row)
    return found


def _cosines(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1.0)
    return np.asarray(unit @ unit.T)


def _compute(state: Searching) -> None:
    signals = signals_of(*(state.memory, state.query, state.asked, state.ranking, state.groups, state.check))
    if state.recorder is not None:
        state.recorder.passed(SIGNALS, len(state.hits), len(state.hits))
    state.hits = [dataclasses.replace(hit, signals=one) for hit, one in zip(state.hits, signals, strict=True)]


STEP = Step(_compute, lambda state: bool(state.query.request.signals))
