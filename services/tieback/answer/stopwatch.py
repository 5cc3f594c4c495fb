"""Measures the steps of a pipeline, and divides the remaining time among its hops."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tieback_contract.reports import Stage, Timing

from tieback.core.deadline import Deadline

MARGIN, SLACK = 0.01, 0.005
"""Seconds kept back at each hop, to answer one's own caller in time, and the part of the remaining time
beside it: the kernel ends a long wait late, by 0.1 % of it, and by 0.5 % at low priority (timer slack)."""


class Stopwatch:
    """Begins with the request's arrival; collects stages in the order they began."""

    def __init__(self) -> None:
        self._arrival = time.perf_counter()
        self._stages: list[Stage] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Times a step, also one that fails, and gives it to be told more of."""
        stage = Stage(name, self.elapsed(), 0.0)
        self._stages.append(stage)
        try:
            yield stage
        finally:
            stage.seconds = self.elapsed() - stage.begin

    def begun(self, name: str) -> Stage:
        """A step that begins now, or goes on where the one before has its name."""
        if not self._stages or self._stages[-1].name != name:
            self._stages.append(Stage(name, self.elapsed(), 0.0))
        return self._stages[-1]

    def ended(self, stage: Stage) -> None:
        """Ends a step now."""
        stage.seconds = self.elapsed() - stage.begin

    def add_parts(self, whole: Stage, timing: Timing) -> None:
        """The steps of the hop that a stage has just been, as parts of it.

        They were timed by another clock, from the request's arrival there: the way back is taken to have been
        as long as the way there.
        """
        begin = whole.begin + max(self.elapsed() - whole.begin - timing.total, 0.0) / 2
        for one in timing.stages:
            one.begin += begin
            one.within = one.within or whole.name
        self._stages += timing.stages

    def elapsed(self) -> float:
        """Seconds since the arrival."""
        return time.perf_counter() - self._arrival

    def timing(self) -> Timing:
        """What was measured until now. Queue, prepare and compute are the hops' own, each in its stage."""
        return Timing(total=self.elapsed(), stages=list(self._stages))


def hop(deadline: Deadline) -> Deadline:
    """The deadline that the next hop is given."""
    remaining = deadline.remaining()
    return deadline if math.isinf(remaining) else deadline.shrunk(MARGIN + SLACK * max(remaining, 0.0))


def share(deadline: Deadline, part: float) -> Deadline:
    """The deadline by which so large a part of the time that is left will have gone by."""
    remaining = deadline.remaining()
    return deadline if math.isinf(remaining) else deadline.shrunk(remaining * (1 - part))


def seconds_of(deadline: Deadline) -> float | None:
    """Seconds left, at least 0, as asyncio takes them; None for no end."""
    remaining = deadline.remaining()
    return None if math.isinf(remaining) else max(remaining, 0.0)
