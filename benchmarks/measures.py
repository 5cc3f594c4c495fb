"""Measures of rankings by scores, and correlation of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Tried
from benchmarks.statistics import Floats

Bools = NDArray[np.bool_]

BEST = 10
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
