"""Items as whole documents: of each its best section, with the next best ones beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.order import best_first
from tieback.index.memory.collection import Memory
from tieback.index.query.copies import document_of
from tieback.index.query.ranking import Pool, Ranker, Ranking
from tieback.index.query.recorder import DOCUMENTS, enter, note_documents
from tieback.index.stages.state import Searching
from tieback.index.stages.step import Step

# Items ranked as whole documents (IDentIfy; Lee et al. 2024, arXiv:2410.02729). Under the lock for reading.
#
# A document is the sections of an item that the filter lets through, and its document vector is the mean of
# their vectors, made as long as they are. It is not stored: an inner product is linear, so the similarity
# to the mean of the vectors is the mean of the similarities. What is written, removed or filtered is in the
# next search, a codec keeps nothing more, and modalities, regions and ignored dimensions are what they are
# in a search by sections. By the words, a document is one text (BM25).
#
# The score of a document is the mean of two: what similarity to the document vector and all words give,
# merged as those of a section are, and the score of the best section. Where every item has one section,
# both are what a search by sections gives.
#
# Compared are the items of the best sections. Of large collections a document is missed where none of its
# sections is among these; that is rare, since its best section is at least as similar as the mean.
SECTIONS = 8
"""Of a document, so many sections are given: the best, which is the hit, and the next best beside it."""

_CANDIDATES_A_HIT, _FEWEST_CANDIDATES = 20, 500  # sections whose items are compared, by each ranking
_SHORTEST = 1e-30  # a vector of zeros has no length to divide by
_AT_ONCE = 8192  # vectors that are read at once, where no document has more


class Documents(NamedTuple):
    """Documents, best first.

    `rows` are of each document its best sections, best first, as rows of `sections`; `scores` `[documents]`
    are the documents'.
    """

    sections: Ranking
    rows: Sequence[Sequence[int]]
    scores: Array


def documents(memory: Memory, ranker: Ranker, allowed: Array, limit: int, *, folds: bool) -> Documents:
    """The best `limit` documents of the sections that are `allowed`; fewer where there are no more.

    Equal documents are ordered by the item's id, equal sections of one by their ordinal. Where it `folds`, of
    documents that hold the same texts the best is given.
    """
    parts = _compared(memory, ranker, allowed, limit)
    enter(ranker.recorder, DOCUMENTS)
    positions = np.concatenate([np.zeros(0, np.int64), *parts])
    pool = ranker.pool_of(positions)
    sections = Ranking(positions, pool.scores, pool.similarities)
    if not parts:
        return Documents(sections, [], pool.scores)
    sizes = np.array([len(part) for part in parts])
    starts, owners = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(parts)), sizes)
    best_sections = np.maximum.reduceat(pool.scores, starts)
    scores = (_as_wholes(memory, ranker, pool, parts, owners) + best_sections) / 2
    best = _best(memory, scores, parts, limit, folds=folds)
    order = np.lexsort((-pool.scores, owners))  # stable: equal sections stay in their order
    rows = [order[starts[place] : starts[place] + min(sizes[place], SECTIONS)] for place in best]
    return Documents(sections, [_given(own, pool) for own in rows], scores[best])


def _compared(memory: Memory, ranker: Ranker, allowed: Array, limit: int) -> list[Array]:
    """The items that are compared: of each the positions of its allowed sections, in order."""
    depth = max(_CANDIDATES_A_HIT * limit, _FEWEST_CANDIDATES)
    while True:
        found = ranker.pool_to(depth).positions.tolist()
        items = {int(own[0]): own for own in map(memory.sections_beside, found)}
        # The depth doubles until there are enough items, or all sections are read.
        if len(items) >= limit or len(found) < depth:
            return [own[allowed[own]] for own in items.values()]
        depth *= 2


def _best(memory: Memory, scores: Array, parts: Sequence[Array], limit: int, *, folds: bool) -> list[int]:
    """The places of the best documents, best first; where it `folds`, each with other texts."""
    wanted = limit
    while True:
        found = best_first(scores, lambda place: memory.order_key(int(parts[place][0]))[0], wanted)
        best = list(_told_once(memory, found, parts)) if folds else found
        if len(best) >= limit or len(found) < wanted:
            return best[:limit]
        wanted *= 2


def _told_once(memory: Memory, places: Sequence[int], parts: Sequence[Array]) -> Iterator[int]:
    """The places of documents, without those that hold the same texts as one before them."""
    told: set[tuple[int, ...]] = set()
    for place in places:
        numbers = document_of(memory, int(parts[place][0]))
        if not numbers or numbers not in told:
            told.add(numbers)
            yield place


def _as_wholes(memory: Memory, ranker: Ranker, pool: Pool, parts: Sequence[Array], owners: Array) -> Array:
    """The scores of the documents as wholes, `[documents]`; `owners` are those of the pool's sections."""
    similarities = None
    if pool.similarities is not None:
        mean = np.bincount(owners, pool.rankings[0]) / np.bincount(owners)
        similarities = mean * np.concatenate(list(_lengths(memory, parts)))
    return ranker.merged(ranker.rankings(similarities, ranker.shares_together(pool.positions, owners)))


def _lengths(memory: Memory, parts: Sequence[Array]) -> Iterator[Array]:
    """How many times as long as their mean each document's vectors are, some documents at a time.

    At most as if they were at right angles: the best regions of pictures say nothing of a mean near zero.
    """
    begin = 0
    while begin < len(parts):
        end, count = begin + 1, len(parts[begin])
        while end < len(parts) and count + len(parts[end]) <= _AT_ONCE:
            count += len(parts[end])
            end += 1
        sizes = np.array([len(part) for part in parts[begin:end]])
        starts = np.cumsum(sizes) - sizes
        vectors = memory.vectors.take(np.concatenate(parts[begin:end]))
        lengths = np.add.reduceat(np.linalg.norm(vectors, axis=1), starts)
        together = np.linalg.norm(np.add.reduceat(vectors, starts), axis=1)
        yield lengths / np.maximum(np.maximum(together, lengths / np.sqrt(sizes)), _SHORTEST)
        begin = end


def _given(rows: Array, pool: Pool) -> list[int]:
    """Of a document's best rows, those that are given: without a vector, only what has some words."""
    given: list[int] = rows.tolist()
    return given if pool.similarities is not None else [row for row in given if pool.scores[row] > 0]


def _rank(state: Searching) -> None:
    folds = not state.query.options.every_copy
    found = documents(state.memory, state.ranker, state.allowed, state.wanted, folds=folds)
    state.ranking, state.groups, state.scores = found
    if state.recorder is not None:
        note_documents(state.recorder, *found)


STEP = Step(_rank, lambda state: state.by_documents, enters_itself=True)
