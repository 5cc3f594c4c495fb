"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).

A candidate's score is the sum of 1 / (k + its rank) over the rankings that hold it. Only the order within a
ranking counts, so rankings of any scale merge; how far a candidate is ahead is lost.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.methods.rank_fusion import Weight, rank_fusions, weights_of


@rank_fusions.method
def reciprocal_rank(
    scores: Array, *, k: Annotated[float, Field(gt=0, le=1e6)] = 60.0, weights: tuple[Weight, ...] = ()
) -> Array:
    """Ranks count from 1; candidates of equal score share the better rank."""
    reciprocal = np.zeros(scores.shape)
    for row, ranking in enumerate(scores):
        held = ~np.isnan(ranking)
        best_first = np.sort(-ranking[held])
        ranks = np.searchsorted(best_first, -ranking[held], side="left") + 1
        reciprocal[row, held] = 1.0 / (k + ranks)
    return np.asarray((weights_of(scores, weights) * reciprocal).sum(axis=0))
