"""Behaviour of a server that is asked for more than it can do: single short texts arrive at multiples of its
capacity, whatever it does, and each caller waits BOUND_SECONDS and no longer."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.corpus import Corpus
from benchmarks.load.generator import Generator, generating
from benchmarks.load.target import Request, Target
from benchmarks.load.tieback import StubTarget
from benchmarks.load.turn import Turn
from benchmarks.speed.cells import draw

BOUND_SECONDS = 1.0
"""An answer after this is worth nothing; where the wire knows deadlines, it is the call's."""

UNSETTLED_SECONDS = 1.5
"""The begin of an overload that is not counted: it fills an empty queue, and every server looks well then."""

OVERLOAD_SECONDS, CAPACITY_SECONDS = 5.0, 1.5

SATURATING = 64
"""Callers of the closed loop that finds the capacity."""

TEXTS = 4096
FOLLOWERS = 0.1
"""Of the refused requests, how many come back when they were told: all of them would be a second overload."""

CALM_SECONDS, CALM_AFTER = 0.25, 20.0


@dataclass(frozen=True)
class Overload:
    """One level of one side. Rates are texts a second, times milliseconds."""

    side: str
    level: float
    capacity: float
    offered: float
    goodput: float
    p50: float
    p99: float
    rejections: int
    rejected_p50: float | None
    hinted: int
    followed: int
    followed_well: int
    failures: int
    generator_share: float
    generator_late: float

    @property
    def share(self) -> float:
        """The goodput as a share of the capacity."""
        return self.goodput / self.capacity


def overload(
    side: str,
    target: Target,
    corpus: Corpus,
    *,
    levels: Sequence[float],
    say: Callable[[str], None],
) -> list[Overload]:
    """Each level for OVERLOAD_SECONDS, with calm between them.

    The capacity is the mean of what a closed loop finds before and after the level.
    """
    if isinstance(target, StubTarget):
        target = dataclasses.replace(target, deadline=BOUND_SECONDS)
    work: list[Request] = [(text,) for text in draw(corpus, "short", TEXTS, 0)]
    found = []
    with generating(target) as generator:
        before = _capacity(generator, work)
        for number, level in enumerate(levels):
            say(f"{side}: {level:g} × its capacity of {before:.0f} texts/s")
            offered = level * before
            turn = generator.opened(
                work,
                rate=offered,
                seconds=OVERLOAD_SECONDS,
                patience=BOUND_SECONDS,
                follow=FOLLOWERS,
                seed=number,
            )
            _calm(generator, work)
            after = _capacity(generator, work)
            found.append(_level(side, level, (before + after) / 2, offered, turn))
            before = after
    return found


def _capacity(generator: Generator, work: Sequence[Request]) -> float:
    """Texts a second that as many callers get as keep the server busy."""
    return generator.closed(work, in_flight=SATURATING, seconds=CAPACITY_SECONDS).rate


def _level(side: str, level: float, capacity: float, offered: float, turn: Turn) -> Overload:
    after = turn.followed_at >= turn.offered_seconds  # told to come back when the overload is over
    return Overload(
        side=side,
        level=level,
        capacity=capacity,
        offered=offered,
        goodput=turn.goodput(BOUND_SECONDS, after=UNSETTLED_SECONDS),
        p50=1e3 * turn.percentile(50),
        p99=1e3 * turn.percentile(99),
        rejections=len(turn.rejected),
        rejected_p50=1e3 * float(np.median(turn.rejected)) if len(turn.rejected) else None,
        hinted=len(turn.retry_after),
        followed=int(after.sum()),
        followed_well=int(turn.followed_well[after].sum()),
        failures=turn.failed,
        generator_share=turn.generator_share,
        generator_late=1e3 * turn.late,
    )


def _calm(generator: Generator, work: Sequence[Request]) -> None:
    """Waits until single calls are quick again, for a while: some servers go on with what nobody awaits."""
    end = time.monotonic() + CALM_AFTER
    while time.monotonic() < end:
        turn = generator.closed(work[:4], in_flight=1, seconds=CALM_SECONDS)
        if len(turn.latencies) and turn.percentile(100) < CALM_SECONDS:
            return
        time.sleep(CALM_SECONDS)
