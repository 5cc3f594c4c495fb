"""A fleet of clients does not keep an overloaded server down: it repeats a share of what is answered."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from tieback_client import Client, Overloaded, Retry
from tieback_client.errors import Details
from tieback_client.transport import attempts
from tieback_client.transport.attempts import Attempts, CallSession
from tieback_client.transport.options import Options
from tieback_client.transport.retry_budget import RetryBudget
from tieback_client.transport.rpc import RPCS

CLIENTS, BETWEEN, LATER_BETWEEN, SECONDS = 50, 0.25, 2.0, 20.0
"""Processes, and the seconds between two calls of each: 200 calls a second for so long, then 25."""
COST, LONGEST_WAIT = 0.02, 0.5
"""A server that answers 50 calls a second, and refuses what would wait longer."""


@dataclass
class Seen:
    """Attempts that a server saw while it was asked for too much, and what it refused after that."""

    calls: int = 0
    attempts: int = 0
    answered: int = 0
    refused_later: int = 0
    clock: list[float] = field(default_factory=lambda: [0.0])


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls of a fleet for some seconds at four times what a server can do, then at half of that."""

    def called(budget: float | None) -> Seen:
        seen = Seen()
        monkeypatch.setattr(attempts, "time", SimpleNamespace(monotonic=lambda: seen.clock[0]))
        # Each is a process of its own, with a budget of its own.
        made = [
            CallSession(f"{number} {budget}", Options(retry=Retry(budget=budget), channel=object()))
            for number in range(CLIENTS)
        ]
        waiting: list[tuple[float, int, Attempts | None, CallSession]] = []
        numbers = itertools.count()
        for place, session in enumerate(made):
            share = place / CLIENTS
            for begin, between in ((0.0, BETWEEN), (SECONDS, LATER_BETWEEN)):
                for number in range(int(SECONDS / between)):
                    at = begin + (number + share) * between
                    heapq.heappush(waiting, (at, next(numbers), None, session))
        free_at = 0.0
        while waiting:
            now, _, call, session = heapq.heappop(waiting)
            seen.clock[0] = now
            seen.calls += call is None
            call = call or Attempts(session, RPCS["Retrieve"], timeout=30.0)
            seen.attempts += 1
            if free_at - now <= LONGEST_WAIT:
                free_at = max(free_at, now) + COST
                seen.answered += 1
                call.progressed()
                continue
            seen.refused_later += now > SECONDS + 1.0
            refused = Overloaded("too much waits", Details(reason="OVERLOADED", retry_delay=free_at - now))
            try:
                delay = call.failed(refused)
            except Overloaded:
                continue
            heapq.heappush(waiting, (now + delay, next(numbers), call, session))
        return seen

    return called


def test_a_fleet_repeats_a_share_of_what_is_answered_and_not_what_is_refused(fleet: Any) -> None:
    seen = fleet(0.1)

    assert seen.answered > 0.9 * SECONDS / COST
    assert seen.attempts <= seen.calls + 0.1 * seen.answered + 5 * CLIENTS
    assert seen.refused_later == 0


def test_without_a_budget_the_repeats_are_most_of_the_load_and_outlast_its_cause(fleet: Any) -> None:
    seen = fleet(None)

    assert seen.attempts > 3 * seen.calls
    assert seen.refused_later > 1000


def test_a_budget_is_saved_up_by_answers_and_spent_by_repeats() -> None:
    budget = RetryBudget(0.25)

    assert [budget.spend() for _ in range(6)] == [True] * 5 + [False]
    for _ in range(4):
        budget.answered()
    assert [budget.spend() for _ in range(2)] == [True, False]
    for _ in range(1000):
        budget.answered()
    assert [budget.spend() for _ in range(6)] == [True] * 5 + [False]


def test_all_clients_of_a_process_share_the_budget_for_a_server(served: Any) -> None:
    retry = Retry(initial=0.001, budget=0.25)
    with Client(served.address, retry=retry) as one, Client(served.address, retry=retry) as other:
        shared = one._session.retry_budget
        assert shared is not None
        assert shared is other._session.retry_budget
        while shared.spend():
            pass

        with pytest.raises(Overloaded):
            other.encode("a", space="busy-at-first")
        assert served.log.calls.count("Encode") == 1
        for _ in range(4):
            one.encode("a", space="tiny")
        served.log.calls.clear()
        with pytest.raises(Overloaded):
            other.encode("a", space="busy")
        assert served.log.calls.count("Encode") == 2


def test_a_stream_of_events_counts_as_one_answer(served: Any) -> None:
    with Client(served.address, retry=Retry(budget=0.5)) as client:
        shared = client._session.retry_budget
        assert shared is not None
        while shared.spend():
            pass

        client.generate("why").collect()

        assert not shared.spend()
        client.generate("why").collect()
        assert shared.spend()
