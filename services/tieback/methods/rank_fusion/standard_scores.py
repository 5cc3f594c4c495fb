"""Standard-score fusion: each ranking's scores are centred, divided by their deviation, and summed.

Keeps how far a candidate is ahead, which reciprocal ranks lose; so it is sensitive to outliers, and wants
rankings of at least a handful of candidates. See "ZMUV" in Markov et al. (2012), "On score normalization in
federated web search".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.rank_fusion import Weight, rank_fusions, weights_of


@rank_fusions.method
def standard_scores(
    scores: Array, *, absent: Literal["lowest", "average"] = "lowest", weights: tuple[Weight, ...] = ()
) -> Array:
    """A candidate that a ranking does not hold counts there like its lowest one, or like its average.

    "lowest" is right where absence means that the candidate fell off the end of the list, "average" where it
    means that nobody looked. A ranking whose scores are all equal says nothing.
    """
    standard = np.zeros(scores.shape)
    for row, ranking in enumerate(scores):
        held = ~np.isnan(ranking)
        if not held.any():
            continue
        deviation = ranking[held].std()
        if deviation > 1e-12:
            standard[row, held] = (ranking[held] - ranking[held].mean()) / deviation
        if absent == "lowest":
            standard[row, ~held] = standard[row, held].min()
    merged = (weights_of(scores, weights) * standard).sum(axis=0)
    nowhere = np.isnan(scores).all(axis=0)
    merged[nowhere] = -np.inf
    return np.asarray(merged)
