"""Identical requests in progress are computed once; the later ones wait for the result.

The first request for a key computes it (the leader), and the others follow. If the leader is cancelled, late
or refused, only the leader ends; one of the followers then computes the result.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Flight(Generic[T]):
    """One computation under way. It lands together with all that its leader asked for: `tokens`, about."""

    key: bytes
    invariant: bool
    tokens: int
    _outcome: T | None = None
    _has_ended: bool = False
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    async def wait(self, deadline: Deadline) -> T | None:
        """The outcome; None where its leader went away. DeadlineExceeded."""
        if not self._has_ended:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            remaining = None if math.isinf(deadline.at) else deadline.remaining()
            try:
                async with asyncio.timeout(remaining):
                    await future
            except TimeoutError:
                raise DeadlineExceeded("the deadline passed before an identical input was computed") from None
        return self._outcome

    def end(self, outcome: T | None) -> None:
        """Wakes all who wait."""
        self._outcome, self._has_ended = outcome, True
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


class Flights(Generic[T]):
    """The computations under way in a space. For one event loop.

    Nobody is to wait for a bulk load to get a word: a flight is joined where what lands with it is no more
    than what the follower asks for, or than `near` tokens.
    """

    def __init__(self, near: int) -> None:
        self._near = near
        self._ordinary: dict[bytes, Flight[T]] = {}
        self._invariant: dict[bytes, Flight[T]] = {}

    def find(self, key: bytes, *, invariant: bool, tokens: int) -> Flight[T] | None:
        """A flight to follow, for a request of so many tokens. A batch-invariant one serves everybody."""
        flight = self._invariant.get(key)
        if flight is None and not invariant:
            flight = self._ordinary.get(key)
        if flight is None or flight.tokens > max(tokens, self._near):
            return None
        return flight

    def begin(self, key: bytes, *, invariant: bool, tokens: int) -> Flight[T]:
        """A flight to lead, up to `end`. It takes the place of one of that key that was not joined."""
        flight: Flight[T] = Flight(key, invariant, tokens)
        self._among(invariant)[key] = flight
        return flight

    def end(self, flight: Flight[T], outcome: T | None = None) -> None:
        """Lands a flight, or without an outcome gives it up."""
        flying = self._among(flight.invariant)
        if flying.get(flight.key) is flight:
            del flying[flight.key]
        flight.end(outcome)

    def __len__(self) -> int:
        return len(self._ordinary) + len(self._invariant)

    def _among(self, invariant: bool) -> dict[bytes, Flight[T]]:
        return self._invariant if invariant else self._ordinary
