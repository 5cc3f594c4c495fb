"""What a search finds by its breadth, and how long it takes, measured on the collection's own vectors.

Queries are vectors of living sections with noise of half their length, so that none is a section itself. Of
each, the ten nearest are looked for by growing breadths and by an exact search. Times are by the clock, of
searches for as many candidates as a hybrid search takes. The result is kept as long as the collection is in
memory, and made anew once the collection has doubled or halved, or its vectors are kept in another way.

The time of a search depends on what else the machine does. So it is expected to take as many times what was
measured as the last searches did.
"""

from __future__ import annotations

import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.search import Reached
from tieback.index.filters import Check
from tieback.methods.vector_search import EVERY

if TYPE_CHECKING:
    from tieback.index.memory import Memory

BREADTHS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
NEAREST = 10
_QUERIES = 32
_NOISE = 0.5
_GROWTH = 2.0
_CLOSE = 1e-5  # of the similarity: two that differ by rounding are the same
_TIMED, _CANDIDATES, _LATE_SEARCHES = 8, 100, 0.9  # queries that are timed, each for so many; the quantile
_NEWEST, _LEAST_FACTOR, _MOST_FACTOR = 0.2, 0.25, 32.0  # of the factor on times: what one search counts


@dataclass(frozen=True, slots=True)
class _Measured:
    vectors: weakref.ref[object]
    sections: int
    recalls: dict[float, float]
    seconds: dict[float, float]


class MeasuredRecalls:
    """The measurements of one collection. Asked under the collection's lock for reading."""

    def __init__(self) -> None:
        self._known: _Measured | None = None
        self._measuring = threading.Lock()
        self._factor = 1.0

    def breadth_for(self, memory: Memory, wanted: float, check: Check) -> tuple[float, float]:
        """The smallest breadth whose recall at ten is what is `wanted`, and that recall.

        `EVERY` and 1 where none has it. Measures first where nothing fits the collection as it is.
        """
        if memory.vectors.exact and memory.regions.exact:
            return 1.0, 1.0
        known = self._fitting(memory, check)
        enough = [(breadth, recall) for breadth, recall in known.recalls.items() if recall >= wanted]
        return min(enough, default=(EVERY, 1.0))

    def breadth_within(self, memory: Memory, within: float, check: Check) -> Reached:
        """The breadth that finds most in so many seconds; the narrowest where none is so fast.

        Measures first where nothing fits the collection as it is.
        """
        if memory.vectors.exact and memory.regions.exact:
            return Reached(1.0, 1.0)
        known = self._fitting(memory, check)
        every = [
            Reached(breadth, known.recalls.get(breadth, 1.0), self._factor * seconds)
            for breadth, seconds in known.seconds.items()
        ]
        fast = [one for one in every if (one.seconds or 0.0) <= within]
        if not fast:
            return min(every, key=lambda one: one.breadth)
        return max(fast, key=lambda one: (one.recall, -one.breadth))

    def took(self, expected: Reached, seconds: float) -> None:
        """Learns from a search whose time was expected."""
        factor = self._factor * (1 - _NEWEST + _NEWEST * seconds / max(expected.seconds or 0.0, 1e-9))
        self._factor = min(max(factor, _LEAST_FACTOR), _MOST_FACTOR)

    def _fitting(self, memory: Memory, check: Check) -> _Measured:
        with self._measuring:
            known = self._known
            if known is None or not _fits(known, memory):
                known = self._known = _measured(memory, check)
                self._factor = 1.0
            return known


def _fits(known: _Measured, memory: Memory) -> bool:
    growth = memory.section_count / known.sections
    return known.vectors() is memory.vectors and 1 / _GROWTH <= growth <= _GROWTH


def _measured(memory: Memory, check: Check) -> _Measured:
    living = memory.living()
    positions = np.flatnonzero(living)
    random = np.random.default_rng(0)  # the same of the same collection
    chosen = np.sort(random.choice(positions, min(_QUERIES, len(positions)), replace=False))
    vectors = memory.vectors.take(chosen)
    noise = random.standard_normal(vectors.shape) * (_NOISE / vectors.shape[1] ** 0.5)
    queries = (vectors + np.linalg.norm(vectors, axis=1, keepdims=True) * noise).astype(np.float32)
    least = [_lowest(memory, query, living, check) for query in queries]
    recalls: dict[float, float] = {}
    seconds = {}
    for breadth in BREADTHS:
        found = [
            _found(memory, query, living, breadth, lowest, check)
            for query, lowest in zip(queries, least, strict=True)
        ]
        recalls[breadth] = float(np.mean(found))
        seconds[breadth] = _seconds(memory, queries, living, breadth, check)
        if recalls[breadth] == 1:
            break
    seconds[EVERY] = _seconds(memory, queries, living, EVERY, check)
    return _Measured(weakref.ref(memory.vectors), memory.section_count, recalls, seconds)


def _seconds(memory: Memory, queries: Array, living: Array, breadth: float, check: Check) -> float:
    """How long nearly all searches of a breadth take."""
    taken = []
    for query in queries[:_TIMED]:
        check("the measurement of the time")
        begun = time.perf_counter()
        memory.nearest(query, _CANDIDATES, living, breadth)
        taken.append(time.perf_counter() - begun)
    return float(np.quantile(taken, _LATE_SEARCHES))


def _lowest(memory: Memory, query: Array, living: Array, check: Check) -> float:
    """The similarity of the last of the nearest, by an exact search."""
    check("the measurement of the recall")
    _, scores = memory.nearest(query, NEAREST, living, EVERY)
    return float(scores[-1])


def _found(memory: Memory, query: Array, living: Array, breadth: float, lowest: float, check: Check) -> float:
    """The share of the nearest that is found."""
    check("the measurement of the recall")
    _, scores = memory.nearest(query, NEAREST, living, breadth)
    most = min(NEAREST, int(living.sum()))
    return min(float((scores >= lowest - _CLOSE * abs(lowest)).sum()) / most, 1.0)
