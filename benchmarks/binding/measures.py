"""The measures, and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Tried

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

BEST, DRAWS = 10, 5000
OMNIBIND = Tried(49, "paper", product=True, data="real")
"""Of the claims about what weights and fusion give."""


def average_precisions(scores: Floats, relevant: Bools) -> Floats:
    """Of every row of `[queries, documents]` that has something to find; equal scores keep their order."""
    found = []
    for row, wanted in zip(scores, relevant, strict=True):
        if wanted.any():
            hits = wanted[np.argsort(-row, kind="stable")]
            precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
            found.append(float(precision[hits].mean()))
    return np.array(found)


def chance_precision(relevant: Bools, *, draws: int = 200) -> float:
    """The mean average precision of random orders."""
    random = np.random.default_rng(0)
    return float(np.mean([average_precisions(random.random(relevant.shape), relevant) for _ in range(draws)]))


def recalls(scores: Floats, relevant: Bools, *, at: int = BEST) -> Floats:
    """Of every query the share of what it could have among the best `at` that is there."""
    found = []
    for row, wanted in zip(scores, relevant, strict=True):
        if wanted.any():
            best = wanted[np.argsort(-row, kind="stable")[:at]]
            found.append(float(best.sum() / min(at, wanted.sum())))
    return np.array(found)


def ndcg(scores: Floats, gains: Mapping[int, float], *, at: int = BEST) -> float:
    """nDCG of one query; `gains` are by the document's place."""
    discounts = 1 / np.log2(np.arange(2, at + 2))
    found = [gains.get(int(place), 0.0) for place in np.argsort(-scores, kind="stable")[:at]]
    best = sorted(gains.values(), reverse=True)[:at]
    return float(found @ discounts[: len(found)] / (best @ discounts[: len(best)]))


def spearman(one: Sequence[float] | Floats, other: Sequence[float] | Floats) -> float:
    """The correlation of ranks; equal values share the mean of theirs."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Sequence[float] | Floats) -> Floats:
    _, places, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])


@dataclass(frozen=True)
class Difference:
    """A mean difference with its 95 % interval."""

    value: float
    low: float
    high: float


def paired(better: Floats, worse: Floats) -> Difference:
    """The mean of `better` less `worse`, one value a query; queries are drawn for both at once."""
    each = np.asarray(better) - np.asarray(worse)
    chosen = np.random.default_rng(0).integers(0, len(each), (DRAWS, len(each)))
    low, high = np.percentile(each[chosen].mean(axis=1), [2.5, 97.5])
    return Difference(float(each.mean()), float(low), float(high))


def interval(values: Floats) -> Difference:
    """The mean of one value a query with its interval."""
    return paired(values, np.zeros(len(values)))
