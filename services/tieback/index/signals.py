"""The signals of hits, for a learned ranking. Runs under the lock for reading.

They are of the query as it was asked, and of the hits beside each other: hits that are similar to other good
hits are often good themselves (score regularization; Diaz, CIKM 2005). `core/types/signals.py` lists them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tieback.core.types import signals as known
from tieback.core.types.arrays import Array
from tieback.core.types.signals import Signal, Signals
from tieback.index.comparison import vectors_of
from tieback.index.feedback import expanded_ranker
from tieback.index.filters import Check
from tieback.index.memory import Memory
from tieback.index.query import Query
from tieback.index.ranking import Ranker, Ranking
from tieback.index.words import QueryWords, likeness
from tieback.methods.query_expansion import configured

NEIGHBOURS = 5
"""Candidates whose scores are averaged."""

_FEEDBACK = configured("rocchio", {"agreement": 0.0}, field="query_expansion")


def signals_of(
    memory: Memory,
    query: Query,
    asked: Ranker,
    ranking: Ranking,
    hits: Sequence[Sequence[int]],
    check: Check,
) -> list[Signals]:
    """By hit; `hits` are rows of the ranking, of each hit its section's and those of its other pieces."""
    if not hits:
        return []
    best = [row for row, *_ in hits]
    positions, scores = ranking.positions[best], ranking.scores[best]
    found: dict[Signal, Array] = {known.SEARCH: scores}
    similarities = asked.similarities(positions)
    if similarities is not None:
        found[known.VECTOR] = similarities
    # A piece of the same text is like a neighbour: it says as much of the hit.
    rows = [*best, *(row for _, *others in hits for row in others)]
    sections = [memory.read(position) for position in ranking.positions[rows].tolist()]
    alike = likeness(sections)
    if similarities is not None:
        alike = (alike + _cosines(vectors_of(memory, ranking.positions[rows], query.ignored))) / 2
    found[known.NEIGHBOURS] = neighbours(ranking.scores[rows], alike)[: len(best)]
    sections = sections[: len(best)]
    if query.text:
        shares = np.array([asked.words_at(position) for position in positions.tolist()], np.float64)
        found[known.WORDS], found[known.MATCHED] = np.nan_to_num(shares).T
        asked_for = QueryWords(memory.words, query.text)
        found[known.WINDOW] = np.array([asked_for.in_window(one) for one in sections])
        found[known.BEGINNING] = np.array([asked_for.at_beginning(one) for one in sections])
    check("the signals of the hits")
    by_feedback = _by_feedback(memory, query, asked, positions, check)
    if by_feedback is not None:
        found[known.FEEDBACK] = by_feedback
    found[known.LENGTH] = np.log1p([len(one.text) for one in sections])
    places = [memory.place_of(position) for position in positions.tolist()]
    found[known.PLACE] = np.array([place for _, place in places])
    found[known.SIBLINGS] = _siblings(scores, [item for item, _ in places])
    return _by_hit(found)


def _by_feedback(memory: Memory, query: Query, asked: Ranker, positions: Array, check: Check) -> Array | None:
    """The scores by the expanded query."""
    recorder, asked.recorder = asked.recorder, None  # this is no step by which the hits were found
    try:
        expanded = expanded_ranker(memory, query, _FEEDBACK, asked, check)
        if expanded is None:
            return None
        # The similarity counts as a share of the best one of all, which may be of none of the hits.
        every = np.concatenate((expanded.pool(len(positions)).positions, positions))
        return expanded.pool_of(every).scores[-len(positions) :]
    finally:
        asked.recorder = recorder


def _by_hit(found: Mapping[Signal, Array]) -> list[Signals]:
    """The signals of each hit, without those that are NaN."""
    names = [one.name for one in found]
    table = np.stack(list(found.values()), axis=1).astype(np.float64)
    return [
        {name: value for name, value in zip(names, row, strict=True) if not math.isnan(value)}
        for row in table.tolist()
    ]


def neighbours(scores: Array, alike: Array) -> Array:
    """The mean score `[n]` of the NEIGHBOURS that are most alike, weighted by that; NaN where none is.

    `alike` `[n, n]`; that of a candidate and itself does not count.
    """
    weights = np.maximum(alike, 0.0)
    np.fill_diagonal(weights, 0.0)
    if len(scores) > NEIGHBOURS:
        least = np.partition(weights, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS, None]
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
