"""What a recorder is told of each step of a search: its candidates, and why they were kept or left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.recorder import DIVERSITY, DOCUMENTS, FILTER, GROUP, MERGE, RANGE, VECTORS, WORDS, Recorder

if TYPE_CHECKING:
    from tieback.index.memory import Memory
    from tieback.index.ranking import ByWords, Pool, Ranking

Hits = Sequence[Sequence[int]]
"""Rows of a ranking by hit: that of the hit, and those of further pieces of its text."""


def note_filter(recorder: Recorder, living: int, allowed: Array) -> None:
    """The mask of the sections that the filter lets through, of so many."""
    given = int(np.count_nonzero(allowed))
    recorder.passed(FILTER, living, given)
    recorder.dropped(FILTER, "filter", living - given)


def note_range(recorder: Recorder, allowed: Array, within: Array) -> None:
    """The masks of the sections before and after those that are too far were left out."""
    taken, given = int(np.count_nonzero(allowed)), int(np.count_nonzero(within))
    recorder.passed(RANGE, taken, given)
    recorder.dropped(RANGE, "range", taken - given)


def note_vectors(recorder: Recorder, allowed: Array, pool: Pool, near: int) -> None:
    """The nearest sections: the first `near` of a pool."""
    taken, used = int(np.count_nonzero(allowed)), pool.rankings[0]
    similarities = used if pool.similarities is None else pool.similarities
    recorder.passed(VECTORS, taken, near)
    recorder.dropped(VECTORS, "depth", taken - near)
    same = len(pool.rankings) == 1 and np.array_equal(used, similarities)
    normalised = None if same else used[:near]
    recorder.ranked(VECTORS, pool.positions, similarities[:near], normalised=normalised, kept=["nearest"])


def note_words(
    recorder: Recorder, allowed: Array, shares: Array, by_words: ByWords, factor: float | None = None
) -> None:
    """The best sections by words; `shares` of all sections are 0 where there are none of the words."""
    positions, worse = by_words
    own = shares[positions]
    taken = int(np.count_nonzero(allowed))
    recorder.passed(WORDS, taken, len(positions))
    recorder.dropped(WORDS, "no_words", taken - len(positions) - len(worse))
    recorder.dropped(WORDS, "depth", len(worse), worse, shares[worse])
    normalised = None if factor is None else own * factor
    recorder.ranked(WORDS, positions, own, normalised=normalised, kept=["matches"])


def note_merge(recorder: Recorder, pool: Pool, near: int, matching: Array) -> None:
    """Merged candidates: the first `near` are the nearest, the best by words are at `matching`."""
    recorder.passed(MERGE, len(pool.positions), len(pool.positions))
    has_words = np.zeros(int(pool.positions.max(initial=-1)) + 1, np.int8)
    has_words[matching] = 1
    why = has_words[pool.positions]
    why[near:] = 2
    recorder.ranked(MERGE, pool.positions, pool.scores, kept=("vector_alone", "both", "words_alone"), why=why)


def note_ties(recorder: Recorder, step: str, ranking: Ranking, wanted: int) -> None:
    """A ranking, best first, of which the first are the hits: the ids decided between equal scores."""
    if len(ranking.positions) > wanted:
        recorder.cut(step, wanted, ranking.positions[wanted:], ranking.scores[wanted:])


def note_groups(recorder: Recorder, memory: Memory, ranking: Ranking, hits: Hits, wanted: int) -> None:
    """A ranking, best first, and the hits that it became, of so many that were wanted."""
    positions, scores = ranking.positions, ranking.scores
    rows = np.array([row for row, *_ in hits], np.int64)
    pieces: list[int] = []
    over: list[int] = []
    copies: list[int] = []
    for row, *others in hits:
        text = memory.text_of(int(positions[row]))
        for other in others:
            (pieces if memory.text_of(int(positions[other])) == text else over).append(other)
    # What follows the best piece of the last hit was not looked at.
    end = int(rows.max()) + 1 if len(rows) == wanted else len(positions)
    given = {memory.copy_of(int(positions[row])) for row in rows} - {0}
    for row in _without(end, rows, pieces, over).tolist():
        (copies if memory.copy_of(int(positions[row])) in given else over).append(row)
    recorder.passed(GROUP, len(positions), len(rows))
    rest = list(range(end, len(positions)))
    for reason, left in (("same_text", pieces), ("copy", copies), ("item_limit", over), ("limit", rest)):
        recorder.dropped(GROUP, reason, len(left), positions[left], scores[left])
    why = np.array([len(one) > 1 for one in hits], np.int8)
    kept = "only_piece", "best_piece"
    recorder.ranked(GROUP, positions[rows], scores[rows], kept=kept, why=why, ordered=True)


def note_documents(recorder: Recorder, sections: Ranking, rows: Hits, scores: Array) -> None:
    """Sections that were compared, and the documents of the best, by the rows of their best sections."""
    best = np.array([row for row, *_ in rows], np.int64)
    beside = np.array([row for _, *others in rows for row in others], np.int64)
    positions = sections.positions
    rest = _without(len(positions), best, beside)
    recorder.passed(DOCUMENTS, len(positions), len(best))
    for reason, left in (("same_item", beside), ("limit", rest)):
        recorder.dropped(DOCUMENTS, reason, len(left), positions[left], sections.scores[left])
    recorder.ranked(DOCUMENTS, positions[best], scores, kept=["best_section"], ordered=True)


def note_diversity(recorder: Recorder, positions: Array, scores: Array, chosen: Sequence[int]) -> None:
    """Candidates `[n]`, best first, of which some were `chosen`, in that order."""
    left = _without(len(positions), chosen)
    lowest = max(chosen)
    recorder.passed(DIVERSITY, len(positions), len(chosen))
    for reason, some in (("similar", left[left < lowest]), ("limit", left[left > lowest])):
        recorder.dropped(DIVERSITY, reason, len(some), positions[some], scores[some])
    places = np.array(chosen, np.int64)
    why = np.minimum(np.arange(len(chosen)), 1)
    kept = "most_relevant", "differs"
    recorder.ranked(DIVERSITY, positions[places], scores[places], kept=kept, why=why, ordered=True)


def _without(count: int, *rows: Sequence[int] | Array) -> Array:
    """The numbers below `count` that are in none of these."""
    left = np.ones(count, bool)
    for some in rows:
        left[some] = False
    return np.flatnonzero(left)
