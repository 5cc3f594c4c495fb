"""Where the right document stands: recall, reciprocal rank, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tieback_contract.arrays import Array

RESAMPLES = 1000


def places(scores: Array, right: Array | None = None) -> Array:
    """The place, from 1, of each query's right document in `scores` `[queries, documents]`.

    `right` `[queries]` says which that is; without it, query i's is document i. Documents of an equal score
    are counted as half before it.
    """
    rows = np.arange(len(scores))
    own = scores[rows, rows if right is None else right][:, None]
    better, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1
    return np.asarray(1 + better + equal / 2)


def recall(ranks: Array, at: int) -> Array:
    """1 where the right document is among the first `at`."""
    return np.asarray(ranks <= at, np.float64)


def reciprocal(ranks: Array) -> Array:
    """1 / place."""
    return np.asarray(1 / ranks)


MEASURES: dict[str, Callable[[Array], Array]] = {
    "R@1": lambda ranks: recall(ranks, 1),
    "MRR": reciprocal,
    "R@10": lambda ranks: recall(ranks, 10),
}
"""By name: what each query's place is worth, 0 to 1."""


def chance(measure: str, documents: int) -> float:
    """What a random order is worth."""
    return float(MEASURES[measure](np.arange(1, documents + 1)).mean())


def interval(values: Array, seed: int) -> tuple[float, float, float]:
    """Mean, and the bounds of the 95 % bootstrap interval over queries."""
    draw = np.random.default_rng(seed)
    means = values[draw.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)
