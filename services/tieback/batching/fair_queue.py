"""The order of waiting items: fair between tenants by the cost of their work, by age within a line.

Between tenants: each tenant has used some seconds of the worker; the one with the least is next. A tenant
that returns after a pause starts level with the others, so idling earns no credit.

Within a tenant there are two lines: what somebody waits for, and work in bulk. They share the tenant's time
by the same rule. So a search does not wait for all the writes that came before it, and writes go on beside
many searches.

Within a line: a clock counts the tokens begun so far. An item's turn is the clock at its request's arrival
plus the tokens of that request before it. So requests of equal size are served by age, and a very large
request is spread over the clock and lets later small ones pass. Later arrivals get later turns, and the
earliest turn is in every batch, so nothing starves.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Generic, NamedTuple, TypeVar

R = TypeVar("R")


class Turn(NamedTuple, Generic[R]):
    """An item that waits: ordered by its turn, then by its arrival, which no two share."""

    turn: int
    arrival: int
    request: R
    place: int
    cost: int


class QueueLine(NamedTuple):
    """Where a request stands: among those of its tenant that somebody waits for, or those in bulk."""

    tenant: str
    in_bulk: bool = False


@dataclass(slots=True)
class _Waiting(Generic[R]):
    """The waiting items of a line, and the seconds it was given."""

    given: float = 0.0
    clock: int = 0
    turns: list[Turn[R]] = field(default_factory=list)


@dataclass(slots=True)
class _Tenant(Generic[R]):
    """The lines of a tenant, what somebody waits for first, and the seconds it was given."""

    given: float = 0.0
    lines: tuple[_Waiting[R], _Waiting[R]] = field(default_factory=lambda: (_Waiting(), _Waiting()))

    @property
    def waits(self) -> bool:
        return any(line.turns for line in self.lines)


class FairQueue(Generic[R]):
    """What waits, by tenant and line. Used by one thread."""

    def __init__(self) -> None:
        self._tenants: dict[str, _Tenant[R]] = {}
        self._arrivals = self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Turn[R]]:
        for tenant in self._tenants.values():
            for line in tenant.lines:
                yield from line.turns

    def add(self, line: QueueLine, request: R, costs: Sequence[int]) -> None:
        """Gives each item of a request its turn, the shorter ones first: neighbours are alike in length."""
        tenant = self._tenants.get(line.tenant)
        if tenant is None or not tenant.lines[line.in_bulk].turns:
            tenant = self._come_back(line)
        waiting = tenant.lines[line.in_bulk]
        self._size += len(costs)
        if len(costs) == 1:
            self._arrivals += 1
            insort(waiting.turns, Turn(waiting.clock, self._arrivals, request, 0, costs[0]))
            return
        turn = waiting.clock
        for place in sorted(range(len(costs)), key=costs.__getitem__):
            self._arrivals += 1
            waiting.turns.append(Turn(turn, self._arrivals, request, place, costs[place]))
            turn += costs[place]
        waiting.turns.sort()  # two sorted runs: linear

    def window(self, size: int, wanted: Callable[[R], bool]) -> list[Turn[R]]:
        """The next items by turn, `size` at most, those of the line whose turn it is first.

        What is not `wanted` any more is forgotten on the way.
        """
        found: list[Turn[R]] = []
        for tenant in sorted(self._tenants.values(), key=attrgetter("given")):
            for line in sorted(tenant.lines, key=attrgetter("given")):  # among equals, who waits comes first
                seen = 0
                kept: list[Turn[R]] = []
                while seen < len(line.turns) and len(found) + len(kept) < size:
                    turn = line.turns[seen]
                    seen += 1
                    if wanted(turn.request):
                        kept.append(turn)
                if len(kept) < seen:
                    line.turns[:seen] = kept
                    self._size -= seen - len(kept)
                found += kept
        return found

    def take(self, line: QueueLine, turns: Sequence[Turn[R]]) -> None:
        """Removes items of a line that a window held, and moves its clock on by what they cost."""
        waiting = self._tenants[line.tenant].lines[line.in_bulk]
        waiting.clock += sum([turn.cost for turn in turns])
        self._size -= len(turns)
        taken = {turn.arrival for turn in turns}
        last = max(turns)
        end = 1 + next(seen for seen, turn in enumerate(waiting.turns) if turn.arrival == last.arrival)
        waiting.turns[:end] = [turn for turn in waiting.turns[:end] if turn.arrival not in taken]

    def charge(self, line: QueueLine, seconds: float) -> None:
        """Counts seconds of the worker that went into a line's items."""
        tenant = self._tenants[line.tenant]
        tenant.given += seconds
        tenant.lines[line.in_bulk].given += seconds

    def _come_back(self, line: QueueLine) -> _Tenant[R]:
        """The tenant of a line that has nothing waiting; tenant and line are level with those that have."""
        level = min((tenant.given for tenant in self._tenants.values() if tenant.waits), default=None)
        if level is None:  # nobody waits: what was given before does not count any more
            self._tenants = {line.tenant: _Tenant()}
            return self._tenants[line.tenant]
        tenant = self._tenants.setdefault(line.tenant, _Tenant())
        mine, other = tenant.lines[line.in_bulk], tenant.lines[not line.in_bulk]
        if other.turns:
            mine.given = max(mine.given, other.given)
        else:
            tenant.given = max(tenant.given, level)
            mine.given = other.given = 0.0
        return tenant
