"""What a search finds by its breadth, and how long it takes, measured on the collection's own vectors.

Queries are vectors of living sections with noise of half their length, so that none is a section itself. Of
each, the ten nearest are looked for by growing breadths and by an exact search. Times are by the clock, of
searches for as many candidates as a hybrid search takes. The result is kept as long as the collection is in
memory, and made anew once the collection has doubled or halved, or its vectors are kept in another way.

Of a collection between two spaces a search looks through vectors of both. Each kind is measured by itself,
with queries of its own space: the search has the recall of the worst kind, and takes the time of all.

The time of a search depends on what else the machine does: `index/vectors/measured_recall.py` says what is
expected.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.hits import ReadIn

from tieback.core.types.search import Reached
from tieback.filters import Check
from tieback.methods.vector_search import EVERY

BREADTHS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
NEAREST = 10
_QUERIES = 32
_NOISE = 0.5
_GROWTH = 2.0
_CLOSE = 1e-5  # of the similarity: two that differ by rounding are the same
_TIMED, _CANDIDATES, _LATE_SEARCHES = 8, 100, 0.9  # queries that are timed, each for so many; the quantile


@dataclass(frozen=True, slots=True)
class Searched:
    """Vectors of one kind that a search looks through: by `nearest`, as `Memory.nearest`.

    `kept` is what holds them, `living` the mask of those that may be found, `take` gives those at positions.
    `exact` says whether every search compares with all.
    """

    read_in: ReadIn
    kept: object
    living: Array
    exact: bool
    nearest: Callable[[Array, int, Array, float], tuple[Array, Array]]
    take: Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class _Measured:
    kept: weakref.ref[object]
    sections: int
    seconds: Mapping[float, float]
    recalls: Mapping[float, float] = field(default_factory=dict)

    def recall_at(self, breadth: float) -> float:
        """What was not measured is wider than what found all."""
        return self.recalls.get(breadth, 1.0)

    def seconds_at(self, breadth: float) -> float:
        """Of a breadth that was not measured, as long as an exact search."""
        return self.seconds.get(breadth, self.seconds[EVERY])


class MeasuredRecalls:
    """The measurements of one collection. Asked under the locks, for reading, of all that is searched."""

    def __init__(self) -> None:
        self._known: dict[ReadIn, _Measured] = {}
        self._measuring = threading.Lock()
        self._times = ExpectedTimes()
        self._seconds: Mapping[float, float] = {}  # by breadth, as they were measured of all kinds

    def breadth_for(self, searched: Sequence[Searched], wanted: float, check: Check) -> tuple[float, float]:
        """The smallest breadth whose recall at ten is what is `wanted`, and that recall.

        `EVERY` and 1 where none has it. Measures first where nothing fits the vectors as they are.
        """
        if all(one.exact for one in searched):
            return 1.0, 1.0
        enough = [
            (one.breadth, one.recall)
            for one in self._expected(searched, check)
            if one.breadth < EVERY and one.recall >= wanted
        ]
        return min(enough, default=(EVERY, 1.0))

    def breadth_within(self, searched: Sequence[Searched], within: float, check: Check) -> Reached:
        """The breadth that finds most in so many seconds; the narrowest where none is so fast.

        Measures first where nothing fits the vectors as they are.
        """
        if all(one.exact for one in searched):
            return Reached(1.0, 1.0)
        every = self._expected(searched, check)
        fast = [one for one in every if (one.seconds or 0.0) <= within]
        if not fast:
            return min(every, key=lambda one: one.breadth)
        return max(fast, key=lambda one: (one.recall, -one.breadth))

    def took(self, expected: Reached, seconds: float) -> None:
        """Learns from a search whose time was expected."""
        if (measured := self._seconds.get(expected.breadth)) is not None:
            self._times.took(expected.breadth, measured, seconds)

    def _expected(self, searched: Sequence[Searched], check: Check) -> list[Reached]:
        """What is expected of each breadth, of all kinds together."""
        with self._measuring:
            known = [self._fitting(one, check) for one in searched]
        breadths = sorted({breadth for one in known for breadth in one.seconds})
        self._seconds = {one: sum(each.seconds_at(one) for each in known) for one in breadths}
        return [
            Reached(breadth, min(one.recall_at(breadth) for one in known), seconds)
            for breadth, seconds in self._times.of(self._seconds).items()
        ]

    def _fitting(self, searched: Searched, check: Check) -> _Measured:
        known = self._known.get(searched.read_in)
        if known is None or not _fits(known, searched):
            known = self._known[searched.read_in] = _measured(searched, check)
            self._times = ExpectedTimes()
        return known


def _fits(known: _Measured, searched: Searched) -> bool:
    growth = int(np.count_nonzero(searched.living)) / known.sections
    return known.kept() is searched.kept and 1 / _GROWTH <= growth <= _GROWTH


def _measured(searched: Searched, check: Check) -> _Measured:
    positions = np.flatnonzero(searched.living)
    random = np.random.default_rng(0)  # the same of the same collection
    chosen = np.sort(random.choice(positions, min(_QUERIES, len(positions)), replace=False))
    vectors = searched.take(chosen)
    noise = random.standard_normal(vectors.shape) * (_NOISE / vectors.shape[1] ** 0.5)
    queries = (vectors + np.linalg.norm(vectors, axis=1, keepdims=True) * noise).astype(np.float32)
    recalls: dict[float, float] = {}
    seconds = {EVERY: _seconds(searched, queries, EVERY, check)}
    kept = weakref.ref(searched.kept)
    if searched.exact:
        return _Measured(kept, len(positions), seconds)
    least = [_lowest(searched, query, check) for query in queries]
    for breadth in BREADTHS:
        found = [
            _found(searched, query, breadth, lowest, check)
            for query, lowest in zip(queries, least, strict=True)
        ]
        recalls[breadth] = float(np.mean(found))
        seconds[breadth] = _seconds(searched, queries, breadth, check)
        if recalls[breadth] == 1:
            break
    return _Measured(kept, len(positions), seconds, recalls)


def _seconds(searched: Searched, queries: Array, breadth: float, check: Check) -> float:
    """How long nearly all searches of a breadth take."""
    taken = []
    for query in queries[:_TIMED]:
        check("the measurement of the time")
        begun = time.perf_counter()
        searched.nearest(query, _CANDIDATES, searched.living, breadth)
        taken.append(time.perf_counter() - begun)
    return float(np.quantile(taken, _LATE_SEARCHES))


def _lowest(searched: Searched, query: Array, check: Check) -> float:
    """The similarity of the last of the nearest, by an exact search."""
    check("the measurement of the recall")
    _, scores = searched.nearest(query, NEAREST, searched.living, EVERY)
    return float(scores[-1])


def _found(searched: Searched, query: Array, breadth: float, lowest: float, check: Check) -> float:
    """The share of the nearest that is found."""
    check("the measurement of the recall")
    _, scores = searched.nearest(query, NEAREST, searched.living, breadth)
    most = min(NEAREST, int(searched.living.sum()))
    return min(float((scores >= lowest - _CLOSE * abs(lowest)).sum()) / most, 1.0)


# How long a search by a breadth is expected to take, by how long the last searches took.
#
# A time that was measured once says little: the load of the machine changes, and searches differ in how
# many hits they want and by what they are filtered. Of a breadth by which some of the last searches were
# made, a search is expected to take as long as nearly all of these did. Of another, it is expected to take
# as many times what was measured as the last searches did in the median, and beside that as much more as
# nearly all of them did: a process that is stopped is stopped for as long by any breadth. Older searches
# are forgotten, so that what was slow under load is tried again.
_LAST = 64  # searches that are known
_FEWEST = 8  # of a breadth, by which a search of it is expected to take as long
_NEARLY_ALL = 0.95


class _Search(NamedTuple):
    breadth: float
    measured: float
    taken: float


class ExpectedTimes:
    """Of the searches of one collection. Used from any thread."""

    def __init__(self) -> None:
        self._last: deque[_Search] = deque(maxlen=_LAST)

    def took(self, breadth: float, measured: float, taken: float) -> None:
        """Learns from a search; both times in seconds."""
        self._last.append(_Search(breadth, measured, taken))

    def of(self, measured: Mapping[float, float]) -> dict[float, float]:
        """The seconds that are expected, by breadth, where so many were measured."""
        last = list(self._last)
        if not last:
            return dict(measured)
        times = statistics.median(one.taken / max(one.measured, 1e-9) for one in last)
        more = _nearly_all([one.taken - times * one.measured for one in last])
        found = {}
        for breadth, seconds in measured.items():
            own = [one.taken for one in last if one.breadth == breadth]
            found[breadth] = _nearly_all(own) if len(own) >= _FEWEST else times * seconds + max(more, 0.0)
        return found


def _nearly_all(values: Sequence[float]) -> float:
    """What nearly all are below or equal to; the largest of few."""
    return sorted(values)[math.ceil(_NEARLY_ALL * len(values)) - 1]
