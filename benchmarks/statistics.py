"""Means and medians with 95 % intervals, by drawing queries, rounds or rows with replacement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS, PAIRED_DRAWS = 2000, 5000
Floats = NDArray[np.floating[Any]]


class Interval(NamedTuple):
    """A value and the bounds of its interval, of 95 % where nothing else is said."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, drawn: Sequence[float] | Floats) -> Interval:
        """A value between the 2.5th and the 97.5th percentile of those that were drawn; NaN is left out."""
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
        return cls(float(value), float(low), float(high))

    @classmethod
    def between(cls, values: Sequence[float]) -> Interval:
        """The mean of values between the lowest and the highest of them."""
        return cls(float(np.mean(values)), min(values), max(values))

    def row(self, name: str, of: str | None = None) -> dict[str, float]:
        """Cells of a table: the value under its name, the ends under "`of`, low" and "`of`, high"."""
        of = name if of is None else of
        return {name: self.value, f"{of}, low": self.low, f"{of}, high": self.high}


def bootstrap(count: int, measure: Callable[[NDArray[np.int64]], float], draws: int = DRAWS) -> Interval:
    """A measure of all rows, which takes their places; the interval by drawing rows with replacement."""
    drawn = np.random.default_rng(0).integers(0, count, (draws, count))
    return Interval.of(measure(np.arange(count)), [measure(places) for places in drawn])


def paired(better: Floats, worse: Floats) -> Interval:
    """The mean of `better` less `worse`, one value a query; queries are drawn for both at once."""
    each = np.asarray(better) - np.asarray(worse)
    chosen = np.random.default_rng(0).integers(0, len(each), (PAIRED_DRAWS, len(each)))
    return Interval.of(each.mean(), each[chosen].mean(axis=1))


def interval(values: Floats) -> Interval:
    """The mean of one value a query with its interval."""
    return paired(values, np.zeros(len(values)))


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
    return Interval.of(np.median(values) / np.median(reference), drawn[0] / drawn[1])


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
    return bootstrap(len(tables[0]), lambda places: measure([np.median(table[places]) for table in tables]))
