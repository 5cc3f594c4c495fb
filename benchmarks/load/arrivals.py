"""Arrivals of a trace, with bursts: made from a seed, or read from a file.

A file has the second of one arrival in a line; lines that begin with # are remarks. Any rate is asked of the
same trace: each of its arrivals stands for as many as make up the rate, spread over the time to the next. So
bursts stay where they are and as long as they are.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.data_folder import DataError

TRACE_SECONDS, TRACE_RATE = 30.0, 20.0
"""Length of a made trace, and the arrivals a second in it, on the mean."""

CALM_SECONDS, BURST_SECONDS, BURST = 4.0, 1.0, 3.0
"""Mean lengths of the two states of a made trace, and how many times as much comes in a burst."""

Trace = Sequence[float]
"""Seconds of arrivals from the begin of a trace, in order."""


def made(seed: int) -> Trace:
    """Arrivals that change between calm and bursts at random (a Poisson process of two states)."""
    chance = random.Random(seed)
    calm = TRACE_RATE * (CALM_SECONDS + BURST_SECONDS) / (CALM_SECONDS + BURST * BURST_SECONDS)
    arrivals: list[float] = []
    at, is_burst = 0.0, False
    while at < TRACE_SECONDS:
        end = at + chance.expovariate(1 / (BURST_SECONDS if is_burst else CALM_SECONDS))
        rate = calm * (BURST if is_burst else 1)
        next_one = at + chance.expovariate(rate)
        while next_one < min(end, TRACE_SECONDS):
            arrivals.append(next_one)
            next_one += chance.expovariate(rate)
        at, is_burst = end, not is_burst
    return arrivals


def read(path: Path) -> Trace:
    """The arrivals of a file. DataError where it has other lines, or fewer than two."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        found = sorted(float(line) for line in lines if line and not line.startswith("#"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} is no trace of arrivals: {error}") from None
    if len(found) < 2 or found[-1] <= found[0]:
        raise DataError(f"{path.name} has no two arrivals at different times")
    return [at - found[0] for at in found]


def played(trace: Trace, rate: float, seconds: float, seed: int) -> Trace:
    """Arrivals of `rate` a second for so many seconds, by the trace, over and over.

    Their number is that of the rate, whatever part of the trace is played.
    """
    chance = random.Random(seed)
    length = trace[-1] + trace[-1] / (len(trace) - 1)
    weights: list[tuple[float, float]] = []
    for turn in range(int(seconds / length) + 1):
        own = [turn * length + at for at in (*trace, length)]
        weights += [(at, after) for at, after in pairwise(own) if at < seconds]
    chosen = chance.choices(weights, k=round(rate * seconds))
    return sorted(min(chance.uniform(at, after), seconds) for at, after in chosen)
