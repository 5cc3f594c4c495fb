"""The order of waiting items: fair between tenants by the cost of their work, by age within a tenant.

Between tenants: each tenant has used some seconds of the worker; the one with the least is next. A tenant
that returns after a pause starts level with the others, so idling earns no credit.

Within a tenant: a clock counts the tokens begun so far. An item's turn is the clock at its request's arrival
plus the tokens of that request before it. So requests of equal size are served by age, and a very large
request is spread over the clock and lets later small ones pass. Later arrivals get later turns, and the
earliest turn is in every batch, so nothing starves.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

R = TypeVar("R")


class Turn(NamedTuple, Generic[R]):
    """An item that waits: ordered by its turn, then by its arrival, which no two share."""

    turn: int
    arrival: int
    request: R
    place: int
    cost: int


@dataclass(slots=True)
class _Line(Generic[R]):
    """A tenant's waiting items, and the seconds it was given."""

    given: float = 0.0
    clock: int = 0
    waiting: list[Turn[R]] = field(default_factory=list)


class FairQueue(Generic[R]):
    """What waits, by tenant. Used by one thread."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line[R]] = {}
        self._arrivals = self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Turn[R]]:
        for line in self._lines.values():
            yield from line.waiting

    def add(self, tenant: str, request: R, costs: Sequence[int]) -> None:
        """Gives each item of a request its turn, the shorter ones first: neighbours are alike in length."""
        line = self._lines.get(tenant)
        if line is None or not line.waiting:
            line = self._come_back(tenant)
        self._size += len(costs)
        if len(costs) == 1:
            self._arrivals += 1
            insort(line.waiting, Turn(line.clock, self._arrivals, request, 0, costs[0]))
            return
        turn = line.clock
        for place in sorted(range(len(costs)), key=costs.__getitem__):
            self._arrivals += 1
            line.waiting.append(Turn(turn, self._arrivals, request, place, costs[place]))
            turn += costs[place]
        line.waiting.sort()  # two sorted runs: linear

    def window(self, size: int, wanted: Callable[[R], bool]) -> list[Turn[R]]:
        """The next items by turn, `size` at most, those of the tenant whose turn it is first.

        What is not `wanted` any more is forgotten on the way.
        """
        found: list[Turn[R]] = []
        for line in sorted(self._lines.values(), key=lambda line: line.given):
            seen = 0
            kept: list[Turn[R]] = []
            while seen < len(line.waiting) and len(found) + len(kept) < size:
                turn = line.waiting[seen]
                seen += 1
                if wanted(turn.request):
                    kept.append(turn)
            if len(kept) < seen:
                line.waiting[:seen] = kept
                self._size -= seen - len(kept)
            found += kept
        return found

    def take(self, tenant: str, turns: Sequence[Turn[R]]) -> None:
        """Removes items of a tenant that a window held, and moves its clock on by what they cost."""
        line = self._lines[tenant]
        line.clock += sum([turn.cost for turn in turns])
        self._size -= len(turns)
        taken = {turn.arrival for turn in turns}
        last = max(turns)
        end = 1 + next(seen for seen, turn in enumerate(line.waiting) if turn.arrival == last.arrival)
        line.waiting[:end] = [turn for turn in line.waiting[:end] if turn.arrival not in taken]

    def charge(self, tenant: str, seconds: float) -> None:
        """Counts seconds of the worker that went into a tenant's items."""
        self._lines[tenant].given += seconds

    def _come_back(self, tenant: str) -> _Line[R]:
        """The line of a tenant that has nothing waiting, level with those that have."""
        level = min((line.given for line in self._lines.values() if line.waiting), default=None)
        if level is None:  # nobody waits: what was given before does not count any more
            self._lines = {tenant: _Line(clock=self._lines[tenant].clock if tenant in self._lines else 0)}
            return self._lines[tenant]
        line = self._lines.setdefault(tenant, _Line())
        line.given = max(line.given, level)
        return line
