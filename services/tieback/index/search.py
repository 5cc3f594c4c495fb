"""Vector, full-text and hybrid search over one collection. Runs in a thread, most of it under the lock.

The lock keeps what is in memory and what full text finds in step: a commit reaches the table first and memory
after, so every section that lives in memory is found in the table for as long as the lock is held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tieback.core.types import Array, Hit, Modality
from tieback.index.balance import SAMPLE, standard_scores
from tieback.index.filters import Check, Filter
from tieback.index.memory import Memory
from tieback.index.reading import TableReader

# A hybrid search merges rankings this much deeper than what is asked for, so that a section that is fairly
# good in both can win.
_DEEPER = 4
_DEEPEST_AT_LEAST = 100
# After so many matches, sections that pass a filter are named to the full text, if they are few.
_MANY, _FEW = 5000, 2000

Ranked = dict[int, float]  # position → score, best first


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


def search(memory: Memory, table: TableReader, query: Query) -> list[Hit]:
    """The nearest sections, best first; equal scores are ordered by item id and ordinal."""
    scans = memory.scan(query.filter, query.check)
    with memory.lock.reading():
        allowed = memory.allowed(query.filter, scans, query.check)
        if not allowed.any():
            return []
        if query.vector is None:
            texts = _by_text(memory, table, query, allowed, query.limit)
            return _hits(memory, query, texts, {}, texts)
        if not query.text:
            scores, similarities = _by_vector(memory, query, query.vector, allowed, query.limit)
            return _hits(memory, query, scores, similarities, {})
        depth = max(_DEEPER * query.limit, _DEEPEST_AT_LEAST)
        scores, similarities = _by_vector(memory, query, query.vector, allowed, depth)
        texts = _by_text(memory, table, query, allowed, depth)
        missing = np.array([position for position in texts if position not in similarities], np.int64)
        if len(missing):
            found = memory.scores(missing, query.vector)
            similarities |= dict(zip(missing.tolist(), found.tolist(), strict=True))
        return _hits(memory, query, _fused(query, scores, texts), similarities, texts)


def _by_vector(
    memory: Memory, query: Query, vector: Array, allowed: Array, depth: int
) -> tuple[Ranked, Ranked]:
    """What vector hits are ranked by, and their similarities; the same unless modalities are balanced."""
    query.check("the search for the vector")
    if not query.balance:
        positions, similarities = memory.nearest(vector, depth, allowed)
        ranked = dict(zip(positions.tolist(), similarities.tolist(), strict=True))
        return ranked, ranked
    found, backgrounds, complete = [], [], []
    for modality in Modality:
        kind = memory.of_modality(modality)
        if not (allowed & kind).any():
            continue
        found.append(memory.nearest(vector, depth, allowed & kind))
        rows = np.flatnonzero(kind)
        vectors = len(rows) + int(memory.parts.counts(len(kind))[rows].sum())
        size = len(rows) if vectors <= SAMPLE else max(SAMPLE * len(rows) // vectors, 1)
        complete.append(len(rows) <= size)
        if len(rows) > size:  # the same sample for the same rows: a search is repeatable
            rows = np.sort(np.random.default_rng(0).choice(rows, size, replace=False))
        backgrounds.append(memory.scores(rows, vector))
    standard = standard_scores([similarities for _, similarities in found], backgrounds, complete)
    scores: Ranked = {}
    raw: Ranked = {}
    for (positions, similarities), standards in zip(found, standard, strict=True):
        scores |= dict(zip(positions.tolist(), standards.tolist(), strict=True))
        raw |= dict(zip(positions.tolist(), similarities.tolist(), strict=True))
    return scores, raw


def _by_text(memory: Memory, table: TableReader, query: Query, allowed: Array, depth: int) -> Ranked:
    """The best matches that live and pass the filter. The table knows neither: it is asked for ever more.

    Where few sections pass and are not among its best matches, it is asked for those alone. That is fast, and
    its scores differ a little: it weights words by the rows that it looks at, where they are not indexed yet.
    """
    asked = 2 * depth
    among: list[int] | None = None
    while True:
        query.check("the search for the words")
        rows = table.full_text(query.text, asked, among)
        ranked: Ranked = {}
        for version, ordinal, score in rows:
            position = memory.position(version, ordinal)
            if position is not None and allowed[position]:
                ranked[position] = score
        if len(ranked) >= depth or len(rows) < asked:
            return dict(list(ranked.items())[:depth])
        asked *= 4
        if asked > _MANY and among is None and np.count_nonzero(allowed) <= _FEW:
            among = memory.versions(np.flatnonzero(allowed))


def _fused(query: Query, scores: Ranked, texts: Ranked) -> Ranked:
    candidates = list(dict.fromkeys([*scores, *texts]))
    if not candidates:
        return {}
    table = np.full((2, len(candidates)), np.nan)
    for column, position in enumerate(candidates):
        table[0, column] = scores.get(position, np.nan)
        table[1, column] = texts.get(position, np.nan)
    return dict(zip(candidates, query.fuse(table).tolist(), strict=True))


def _hits(memory: Memory, query: Query, scores: Ranked, similarities: Ranked, texts: Ranked) -> list[Hit]:
    ordered = sorted(scores.items(), key=lambda pair: (-pair[1], memory.order_key(pair[0])))
    return [
        memory.hit(
            position,
            score,
            similarities.get(position),
            texts.get(position),
            None if query.vector is None else memory.parts.best_box(position, query.vector),
        )
        for position, score in ordered[: query.limit]
    ]
