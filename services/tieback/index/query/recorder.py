"""What each step of a search did, where that is asked for: its time, its candidates, what it left out.

A search enters one step after another, and each lasts until the next is entered, so that together they are
the whole search. A step that is entered again goes on. The arrays of a step are kept as they are; ranks and
ids are looked up at the end, of the hits and of the best sections that were left out.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.reports import Dropped, DroppedSection, Stage, Timing

from tieback.core.types.search import StageScores
from tieback.index.memory.collection import Memory

if TYPE_CHECKING:
    from tieback.index.query.ranking import ByWords, Pool, Ranking

WAITING, FILTER, MEASURE, RANGE = "queue", "filter", "measure_recall", "range"
VECTORS, WORDS = "vector_search", "word_search"
MERGE, FEEDBACK, GROUP, DIVERSITY = "merge", "feedback", "group", "diversity"
DOCUMENTS, HITS, SIGNALS, RETURN = "documents", "hits", "signals", "return"
HIGHLIGHTS = "highlights"
EXPANDED = "expanded_"
"""Before the names of the steps of a second search."""

_SEARCHES = frozenset((VECTORS, WORDS, MERGE))

BEST_DROPPED = 3
_SORTED_WHOLE = 256  # scores of which sorting all is as fast as choosing the best

NOBODY = np.zeros(0, np.int64)


@dataclass(slots=True)
class _Step:
    """A step. The first of `positions` are its candidates, as many as it has scores `[n]` of."""

    begin: float
    seconds: float = 0.0
    queue: float = 0.0
    taken: int = 0
    given: int = 0
    positions: Array = field(default_factory=lambda: NOBODY)
    scores: Array = field(default_factory=lambda: NOBODY)
    normalised: Array | None = None
    kept: tuple[Sequence[str], Array | None] = ("",), None
    ordered: bool = False
    dropped: dict[str, tuple[int, Array, Array]] = field(default_factory=dict)


class Recorder:
    """The steps of one search, which arrived at `began` and is worked on from now on."""

    def __init__(self, memory: Memory, began: float) -> None:
        self._memory, self._began = memory, began
        self._steps: dict[str, _Step] = {}
        self._prefix = ""
        self._now = time.perf_counter()
        self._name = WAITING
        self._steps[WAITING] = _Step(began, self._now - began, self._now - began)

    def enter(self, name: str) -> None:
        """Ends the step before, and begins this one or goes on with it."""
        now = time.perf_counter()
        self._steps[self._name].seconds += now - self._now
        self._now, self._name = now, self._named(name)
        if self._name not in self._steps:
            self._steps[self._name] = _Step(now)

    def expanded(self) -> None:
        """The searches that are entered from now on are those of the expanded query."""
        self._prefix = EXPANDED

    def passed(self, name: str, taken: int, given: int) -> None:
        """So many candidates were given to a step, and by it."""
        step = self._step(name)
        step.taken, step.given, step.dropped = taken, given, {}

    def ranked(
        self,
        name: str,
        positions: Array,
        scores: Array,
        *,
        normalised: Array | None = None,
        kept: Sequence[str],
        why: Array | None = None,
        ordered: bool = False,
    ) -> None:
        """The candidates that a step gives on, `ordered` where that is their order.

        They are the first of the `positions`, as many as there are scores `[n]`. They were `kept` for a
        reason, or for that of several which `why` `[n]` has the number of.
        """
        step = self._step(name)
        step.positions, step.scores, step.normalised = positions, scores, normalised
        step.kept, step.ordered = (kept, why), ordered

    def dropped(
        self, name: str, reason: str, count: int, positions: Array = NOBODY, scores: Array = NOBODY
    ) -> None:
        """The step left out so many for that reason; of these, the best are at `positions` `[m]`."""
        if count:
            self._step(name).dropped[reason] = count, positions, scores

    def cut(self, name: str, given: int, positions: Array, scores: Array) -> None:
        """The step gives on so many of its candidates, and not these: others were better."""
        step = self._step(name)
        step.given = given
        others = sum(count for reason, (count, *_) in step.dropped.items() if reason != "depth")
        step.dropped.pop("depth", None)
        self.dropped(name, "depth", step.taken - given - others, positions, scores)

    def stages(self) -> list[Stage]:
        """The steps in the order in which they began; the last one ends now."""
        self._steps[self._name].seconds += time.perf_counter() - self._now
        return [
            Stage(
                name,
                step.begin - self._began,
                step.seconds,
                queue=step.queue,
                structure=self._memory.vectors.structure if name.endswith(VECTORS) else "",
                candidates_in=step.taken,
                candidates_out=step.given,
                dropped=[self._dropped(reason, *left) for reason, left in step.dropped.items()],
            )
            for name, step in self._steps.items()
        ]

    def of_hits(self, positions: Sequence[int]) -> list[StageScores]:
        """What the steps made of the sections at these positions, which are the hits."""
        found: list[StageScores] = []
        hits, looked_up, places = np.array(positions, np.int64), NOBODY, NOBODY
        for name, step in self._steps.items():
            count = len(step.scores)
            if not count:
                continue
            if step.positions is not looked_up:  # steps that follow each other can have the same
                looked_up = step.positions
                places = _places_of(hits, looked_up)
            known = np.flatnonzero(places < count)
            if len(known):
                found.append(_made_of(name, step, known, places[known]))
        return found

    def _step(self, name: str) -> _Step:
        return self._steps[self._named(name)]

    def _named(self, name: str) -> str:
        return self._prefix + name if name in _SEARCHES else name

    def _dropped(self, reason: str, count: int, positions: Array, scores: Array) -> Dropped:
        if not len(positions):
            return Dropped(reason, count, [])
        if len(scores) > _SORTED_WHOLE:
            best = np.argpartition(-scores, BEST_DROPPED)[:BEST_DROPPED]
            best.sort()
            positions, scores = positions[best], scores[best]
        best = np.argsort(-scores, kind="stable")[:BEST_DROPPED]
        ids_at = self._memory.ids_at
        chosen = zip(positions[best].tolist(), scores[best].tolist(), strict=True)
        return Dropped(reason, count, [DroppedSection(*ids_at(p), s) for p, s in chosen])


def _places_of(hits: Array, positions: Array) -> Array:
    """The places `[hits]` of hits among positions `[n]`, n for those that are not there."""
    order = positions.argsort()
    places = order.take(positions.searchsorted(hits, sorter=order), mode="clip")
    return np.where(positions[places] == hits, places, len(positions))


def _made_of(name: str, step: _Step, hits: Array, places: Array) -> StageScores:
    """What a step made of hits at places among its candidates."""
    scores = step.scores[places]
    reasons, codes = step.kept
    return StageScores(
        name,
        hits.tolist(),
        scores.tolist(),
        () if step.normalised is None else step.normalised[places].tolist(),
        (places if step.ordered else np.searchsorted(np.sort(-step.scores), -scores)).tolist(),
        [0] * len(hits) if codes is None else codes[places].tolist(),
        reasons,
    )


def waited_to_return(timing: Timing) -> Stage:
    """The last step: what was found waits for the thread that answers, until the end of the search."""
    done = sum(one.seconds for one in timing.stages)
    waited = max(timing.total - done, 0.0)
    return Stage(RETURN, done, waited, queue=waited)


def enter(recorder: Recorder | None, name: str) -> None:
    """The search goes on to a step."""
    if recorder is not None:
        recorder.enter(name)


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
