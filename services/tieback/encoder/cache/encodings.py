"""The encoding cache of a space: memory, disk, and identical requests that are in progress."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from tieback_contract.encodings import EncodingSource

from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, TiebackError
from tieback.encoder.cache import Computed, MemoryCache
from tieback.encoder.cache.disk import DiskCache, DiskState

Outcome = Computed | TiebackError
SourcedOutcome = tuple[Outcome, EncodingSource]
Compute = Callable[[Sequence[int]], Awaitable[Sequence[Outcome]]]
"""Computes the contents at those places of a request."""


# Identical requests in progress are computed once; the later ones wait for the result.
#
# The first request for a key computes it (the leader), and the others follow. If the leader is cancelled,
# late or refused, only the leader ends; one of the followers then computes the result.
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


_Flown = list[tuple[int, Flight[Outcome]]]
"""Places of a request with their flights."""

RECENT = 0.01
"""Weight of the newest content in the share that was known lately."""

MEMORY_BYTES, DISK_BYTES = 64 << 20, 1 << 30


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """How much each space keeps: `memory_bytes`, and `disk_bytes` in the folder `disk`, if there is one.

    What one tenant sent answers no other, and nobody can tell by an answer's source or
    time what another has sent.
    """

    memory_bytes: int = MEMORY_BYTES
    disk: Path | None = None
    disk_bytes: int = DISK_BYTES


@dataclass(frozen=True, slots=True)
class CacheState:
    """What a space keeps, and since the start: where contents were found, and how many had to be computed."""

    entries: int
    bytes: int
    evictions: int
    memory_hits: int
    disk_hits: int
    shared: int
    misses: int
    disk: DiskState | None


class EncodingCache:
    """The caches and the flights of one space. `near` as in `Flights`. For one event loop."""

    def __init__(self, options: CacheOptions, space: str, *, near: int) -> None:
        self._memory = MemoryCache(options.memory_bytes)
        self._disk = DiskCache(options.disk, space, options.disk_bytes) if options.disk is not None else None
        self._flights: Flights[Outcome] = Flights(near)
        self._memory_hits = self._disk_hits = self._shared = self._misses = 0
        self.share = 0.0
        """Of the contents asked for lately, those that were known or were being computed."""

    @property
    def state(self) -> CacheState:
        """How the caches are, and what they were good for."""
        return CacheState(
            entries=len(self._memory),
            bytes=self._memory.bytes,
            evictions=self._memory.evictions,
            memory_hits=self._memory_hits,
            disk_hits=self._disk_hits,
            shared=self._shared,
            misses=self._misses,
            disk=self._disk.state if self._disk is not None else None,
        )

    async def obtain(
        self,
        keys: Sequence[bytes],
        tokens: int,
        compute: Compute,
        *,
        invariant: bool,
        deadline: Deadline,
        tenant: str = "",
    ) -> tuple[list[SourcedOutcome], float]:
        """What belongs to each key, with where it is from, and the seconds spent waiting for others.

        The keys are those of the `tenant`, among whose entries they are kept. `tokens` is about what their
        contents hold. Whatever `compute` raises is raised; what others raise is not, and what they wanted is
        computed here instead. DeadlineExceeded where others are too slow.
        """
        found: dict[int, SourcedOutcome] = {}
        waited = 0.0
        pending: Sequence[int] = range(len(keys))
        while pending:
            led, followed = self._sort(pending, keys, tokens, found, invariant=invariant, tenant=tenant)
            if led:
                await self._lead(led, compute, found, invariant=invariant, tenant=tenant)
            again: list[int] = []
            if followed:
                begun = time.monotonic()
                for place, flight in followed:
                    outcome = await flight.wait(deadline)
                    if outcome is None:
                        again.append(place)
                    else:
                        found[place] = outcome, EncodingSource.IN_FLIGHT
                        self._shared += 1
                waited += time.monotonic() - begun
            pending = again
        return [found[place] for place in range(len(keys))], waited

    def holds(self, key: bytes, *, tenant: str = "") -> bool:
        """Whether a key's result is in memory now."""
        return self._memory.get(key, invariant=False, tenant=tenant) is not None

    async def close(self) -> None:
        """Writes what is to be kept."""
        if self._disk is not None:
            await self._disk.close()

    def _sort(
        self,
        places: Sequence[int],
        keys: Sequence[bytes],
        tokens: int,
        found: dict[int, SourcedOutcome],
        *,
        invariant: bool,
        tenant: str,
    ) -> tuple[_Flown, _Flown]:
        """Fills in what is in memory; the rest are flights to lead and flights to follow."""
        led: _Flown = []
        followed: _Flown = []
        for place in places:
            key = keys[place]
            self.share -= RECENT * self.share
            if (known := self._memory.get(key, invariant=invariant, tenant=tenant)) is not None:
                self.share += RECENT
                found[place] = known, EncodingSource.MEMORY
                self._memory_hits += 1
            elif (flight := self._flights.find(key, invariant=invariant, tokens=tokens)) is not None:
                self.share += RECENT
                followed.append((place, flight))
            else:
                led.append((place, self._flights.begin(key, invariant=invariant, tokens=tokens)))
        return led, followed

    async def _lead(
        self,
        led: _Flown,
        compute: Compute,
        found: dict[int, SourcedOutcome],
        *,
        invariant: bool,
        tenant: str,
    ) -> None:
        """Finds on disk or computes, keeps, and lands; a flight that does not come so far is given up."""
        try:
            missed = led
            if self._disk is not None:
                missed = await self._read(self._disk, led, found, invariant=invariant, tenant=tenant)
            if missed:
                self._misses += len(missed)
                outcomes = await compute([place for place, _ in missed])
                for (place, flight), outcome in zip(missed, outcomes, strict=True):
                    self._keep(flight.key, outcome, tenant)
                    found[place] = outcome, EncodingSource.COMPUTED
        finally:
            for place, flight in led:
                landed = found[place][0] if place in found else None
                # A leader that was late is nobody else's fault.
                self._flights.end(flight, None if isinstance(landed, DeadlineExceeded) else landed)

    async def _read(
        self, disk: DiskCache, led: _Flown, found: dict[int, SourcedOutcome], *, invariant: bool, tenant: str
    ) -> _Flown:
        """Fills in what is on disk, and gives the rest."""
        on_disk = await disk.get([flight.key for _, flight in led])
        missed: _Flown = []
        for place, flight in led:
            known = on_disk.get(flight.key)
            if known is not None and (known.invariant or not invariant):
                self._memory.put(flight.key, known, tenant=tenant)
                found[place] = known, EncodingSource.DISK
                self._disk_hits += 1
                self.share += RECENT
            else:
                missed.append((place, flight))
        return missed

    def _keep(self, key: bytes, outcome: Outcome, tenant: str) -> None:
        """Puts a result into the caches; errors are not kept."""
        if isinstance(outcome, Computed):
            self._memory.put(key, outcome, tenant=tenant)
            if self._disk is not None:
                self._disk.put(key, outcome)
