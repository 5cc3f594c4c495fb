"""Medians with intervals, for samples that were taken in rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A value and the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Interval:
    """The median of one value a round; the interval by drawing rounds with replacement."""
    return median([[value] for value in values])


def percentile(rounds: Sequence[Sequence[float]], share: float) -> float:
    """A percentile of all samples."""
    return float(np.percentile(np.concatenate([np.asarray(one) for one in rounds]), share))


def median(rounds: Sequence[Sequence[float]]) -> Interval:
    """The median of all samples; the interval by drawing rounds with replacement."""
    return _bootstrap([rounds], lambda medians: medians[0])


def median_ratio(values: Sequence[float], reference: Sequence[float]) -> Interval:
    """The median of one value a round over that of another side, whose rounds were at another time.

    The interval is by drawing the rounds of each with replacement, apart.
    """
    random = np.random.default_rng(0)
    drawn = [
        np.median(np.asarray(side)[random.integers(0, len(side), (DRAWS, len(side)))], axis=1)
        for side in (values, reference)
    ]
    low, high = np.percentile(drawn[0] / drawn[1], [2.5, 97.5])
    return Interval(float(np.median(values) / np.median(reference)), float(low), float(high))


def median_difference(rounds: Sequence[Sequence[float]], reference: Sequence[Sequence[float]]) -> Interval:
    """The median of one side less that of another.

    Rounds are drawn together for both sides, since what disturbs the machine disturbs a whole round.
    """
    return _bootstrap([rounds, reference], lambda medians: medians[0] - medians[1])


def _bootstrap(
    sides: Sequence[Sequence[Sequence[float]]], measure: Callable[[Sequence[Any]], Any]
) -> Interval:
    tables: list[NDArray[np.float64]] = [
        np.array(side, dtype=np.float64) for side in sides
    ]  # [rounds, calls]
    count = len(tables[0])
    random = np.random.default_rng(0)
    value = measure([np.median(table) for table in tables])
    drawn = [
        measure([np.median(table[chosen]) for table in tables])
        for chosen in random.integers(0, count, (DRAWS, count))
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(value), float(low), float(high))
