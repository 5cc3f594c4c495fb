"""How long a search by a breadth is expected to take, by how long the last searches took.

A time that was measured once says little: the load of the machine changes, and searches differ in how many
hits they want and by what they are filtered. Of a breadth by which some of the last searches were made, a
search is expected to take as long as nearly all of these did. Of another, it is expected to take as many
times what was measured as the last searches did in the median, and beside that as much more as nearly all of
them did: a process that is stopped is stopped for as long by any breadth. Older searches are forgotten, so
that what was slow under load is tried again.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

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
