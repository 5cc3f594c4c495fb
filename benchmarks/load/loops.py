"""The two ways to put a load on a server.

A closed loop has so many callers, each of which waits for its answer before it sends the next request: it
finds what a server can do, and hides what overload does, since a slow server is asked less. An open loop
sends at times that were set beforehand, whatever the server does, and counts each latency from that time.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.load.target import Late, Rejected, Request, Target
from benchmarks.load.turn import Turn

Arrivals = Literal["poisson", "even"] | Sequence[float]
LATE = "no answer by its deadline"
WORDS_OF_A_FAILURE = 120  # characters of its message that tell one failure from another


async def closed(
    target: Target, work: Sequence[Request], *, in_flight: int, seconds: float = math.inf
) -> Turn:
    """Sends all of the work, `in_flight` requests at any time; after `seconds` no more of it."""
    record = _Record()
    waiting = iter(enumerate(work))
    end = record.begun + seconds

    async def caller() -> None:
        for place, request in waiting:
            await record.ask(target, request, due=time.perf_counter(), place=place)
            if time.perf_counter() >= end:
                break
        record.drained = min(record.drained, time.perf_counter())

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return record.turn(in_flight)


async def opened(
    target: Target,
    work: Sequence[Request],
    *,
    rate: float,
    seconds: float,
    arrivals: Arrivals = "poisson",
    patience: float = 10.0,
    follow: float = 0.0,
    seed: int = 0,
) -> Turn:
    """Sends `rate` requests a second for `seconds`, over and over the work; each may take `patience` seconds.

    `arrivals` are how they come, or when.

    A share `follow` of the refused requests comes back once, after the time that the server named.
    """
    record = _Record(offered=seconds)
    chance = random.Random(seed)

    async def one(place: int, request: Request, due: float) -> None:
        try:
            async with asyncio.timeout_at(loop.time() + due + patience - time.perf_counter()):
                refused = await record.ask(target, request, due=due, place=place)
        except TimeoutError:
            record.failed(f"no answer within {patience:g} s", place)
            return
        if refused is not None and refused.retry_after is not None and chance.random() < follow:
            await asyncio.sleep(refused.retry_after)
            await record.follow(target, request)

    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[None]] = set()
    times = arrival_times(rate, seconds, arrivals, seed)
    for (place, request), after in zip(itertools.cycle(enumerate(work)), times, strict=False):
        due = record.begun + after
        if (early := due - time.perf_counter()) > 0.0:
            await asyncio.sleep(early)
        record.late.append(time.perf_counter() - due)
        task = asyncio.create_task(one(place, request, due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return record.turn(retries=getattr(target, "retries", 0))


async def vectors(target: Target, work: Sequence[Request]) -> list[NDArray[np.float32]]:
    """Answers of the target to each request, one after the other."""
    return [await target.encode(request) for request in work]


def arrival_times(rate: float, seconds: float, arrivals: Arrivals, seed: int = 0) -> list[float]:
    """When requests arrive, in seconds from the begin."""
    if not isinstance(arrivals, str):
        return list(arrivals)
    if arrivals == "even":
        return [number / rate for number in range(round(rate * seconds))]
    gaps = np.random.default_rng(seed).exponential(1.0 / rate, size=int(2 * rate * seconds) + 50)
    times = np.cumsum(gaps)
    return [float(at) for at in times[times < seconds]]


@dataclass
class _Record:
    """Answers that have come back so far."""

    offered: float | None = None
    begun: float = field(default_factory=time.perf_counter)
    ended: float = 0.0
    drained: float = math.inf
    processor: float = field(default_factory=time.process_time)
    due: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    retry_after: list[float] = field(default_factory=list)
    followed: list[tuple[float, bool]] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    answered_of: list[int] = field(default_factory=list)
    rejected_of: list[int] = field(default_factory=list)
    failed_of: list[int] = field(default_factory=list)

    async def ask(self, target: Target, request: Request, *, due: float, place: int) -> Rejected | None:
        """Sends one request that should have been sent at `due`; says where it was refused."""
        try:
            await target.encode(request)
        except Rejected as refusal:
            self.rejected.append(time.perf_counter() - due)
            self.rejected_of.append(place)
            if refusal.retry_after is not None:
                self.retry_after.append(refusal.retry_after)
            return refusal
        except Late:
            self.failed(LATE, place)
        except Exception as error:  # noqa: BLE001 - every wire has errors of its own, and all are failures
            self.failed(f"{type(error).__name__}: {error}"[:WORDS_OF_A_FAILURE], place)
        else:
            self.ended = time.perf_counter()
            self.due.append(due - self.begun)
            self.latencies.append(self.ended - due)
            self.items.append(len(request))
            self.answered_of.append(place)
        return None

    def failed(self, why: str, place: int) -> None:
        """Counts a failure."""
        self.failures[why] += 1
        self.failed_of.append(place)

    async def follow(self, target: Target, request: Request) -> None:
        """Sends a request again that was refused."""
        at = time.perf_counter() - self.begun
        try:
            await target.encode(request)
        except Exception:  # noqa: BLE001 - whatever it is, following did not help
            self.followed.append((at, False))
        else:
            self.followed.append((at, True))

    def _steady(self, in_flight: int) -> tuple[float, float] | None:
        """From the first answers of so many callers over whole rounds of all of them, before the drain.

        A server that works on several requests at once answers them together. An end between two rounds
        would count the time of such a group and only some of its answers.
        """
        answered = sorted(due + latency for due, latency in zip(self.due, self.latencies, strict=True))
        before = [at for at in answered if self.begun + at <= self.drained]
        if not in_flight or len(before) < 2 * in_flight:
            return None
        rounds = len(before) // in_flight - 1
        return before[in_flight - 1], before[in_flight * (1 + rounds) - 1]

    def turn(self, in_flight: int = 0, retries: int = 0) -> Turn:
        now = time.perf_counter()
        seconds = (self.ended or now) - self.begun
        return Turn(
            seconds=seconds,
            offered_seconds=self.offered if self.offered is not None else seconds,
            due=np.array(self.due),
            latencies=np.array(self.latencies),
            items=np.array(self.items, np.int64),
            rejected=np.array(self.rejected),
            retry_after=np.array(self.retry_after),
            followed_at=np.array([at for at, _ in self.followed]),
            followed_well=np.array([well for _, well in self.followed], np.bool_),
            failures=dict(self.failures),
            generator_share=(time.process_time() - self.processor) / (now - self.begun),
            late=float(np.percentile(self.late, 99)) if self.late else 0.0,
            steady=self._steady(in_flight),
            retries=retries,
            answered_of=np.array(self.answered_of, np.int64),
            rejected_of=np.array(self.rejected_of, np.int64),
            failed_of=np.array(self.failed_of, np.int64),
        )
