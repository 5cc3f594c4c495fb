"""What each step of a search did, where that is asked for: its time, its candidates, what it left out.

A search enters one step after another, and each lasts until the next is entered, so that together they are
the whole search. A step that is entered again goes on. The arrays of a step are kept as they are; ranks and
ids are looked up at the end, of the hits and of the best sections that were left out.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.report import Dropped, DroppedSection, Stage, Timing
from tieback.core.types.search import StageScore
from tieback.index.memory import Memory

WAITING, FILTER, MEASURE, RANGE = "queue", "filter", "measure_recall", "range"
VECTORS, WORDS = "vector_search", "word_search"
MERGE, FEEDBACK, GROUP, DIVERSITY = "merge", "feedback", "group", "diversity"
DOCUMENTS, HITS, SIGNALS, RETURN = "documents", "hits", "signals", "return"
HIGHLIGHTS = "highlights"
EXPANDED = "expanded_"
"""Before the names of the steps of a second search."""

_SEARCHES = frozenset((VECTORS, WORDS, MERGE))

BEST_DROPPED = 3

NOBODY = np.zeros(0, np.int64)


@dataclass(slots=True)
class _Step:
    """A step; `positions` `[n]` are its candidates with their scores, as far as they concern hits."""

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
        """The candidates `[n]` that a step gives on, `ordered` where that is their order.

        They were `kept` for a reason, or for that of several which `why` `[n]` has the number of.
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
                candidates_in=step.taken,
                candidates_out=step.given,
                dropped=[self._dropped(reason, *left) for reason, left in step.dropped.items()],
            )
            for name, step in self._steps.items()
        ]

    def note_stages(self, hits: Sequence[list[StageScore]], positions: Sequence[int]) -> None:
        """Appends what the steps made of the sections at these positions, of each hit."""
        for name, step in self._steps.items():
            place_of = {position: place for place, position in enumerate(step.positions.tolist())}
            there = [(hit, place_of[one]) for hit, one in enumerate(positions) if one in place_of]
            if not there:
                continue
            places = np.array([place for _, place in there])
            scores = step.scores[places]
            ranks = places if step.ordered else np.searchsorted(np.sort(-step.scores), -scores)
            normalised = [None] * len(there) if step.normalised is None else step.normalised[places].tolist()
            labels, codes = step.kept
            kept = (
                [labels[code] for code in codes[places].tolist()]
                if codes is not None
                else [labels[0]] * len(there)
            )
            rows = zip(there, scores.tolist(), normalised, ranks.tolist(), kept, strict=True)
            for (hit, _), score, used, rank, why in rows:
                hits[hit].append(StageScore(name, score, used, rank, why))

    def _step(self, name: str) -> _Step:
        return self._steps[self._named(name)]

    def _named(self, name: str) -> str:
        return self._prefix + name if name in _SEARCHES else name

    def _dropped(self, reason: str, count: int, positions: Array, scores: Array) -> Dropped:
        best: Array = np.arange(len(scores))
        if len(scores) > BEST_DROPPED:
            best = np.sort(np.argpartition(-scores, BEST_DROPPED)[:BEST_DROPPED])
        best = best[np.argsort(-scores[best], kind="stable")]
        chosen = zip(positions[best].tolist(), scores[best].tolist(), strict=True)
        return Dropped(reason, count, [DroppedSection(*self._memory.ids_at(p), s) for p, s in chosen])


def waited_to_return(timing: Timing) -> Stage:
    """The last step: what was found waits for the thread that answers, until the end of the search."""
    done = sum(one.duration for one in timing.stages)
    waited = max(timing.total - done, 0.0)
    return Stage(RETURN, done, waited, queue=waited)


def enter(recorder: Recorder | None, name: str) -> None:
    """The search goes on to a step."""
    if recorder is not None:
        recorder.enter(name)
