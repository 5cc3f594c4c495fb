"""A weighted sum of the scores themselves (convex combination, Bruch et al. 2022, arXiv:2210.11934).

Right where both scales mean the same for every query, as a cosine and a share of the words' best score do:
then how far a candidate is ahead counts, and words that match little add little. A ranking that does not hold
a candidate adds nothing.
"""

from __future__ import annotations

import numpy as np

from tieback.core.types import Array
from tieback.methods.ranking import Weight, rankings, weights_of


@rankings.method
def weighted_sum(scores: Array, *, weights: tuple[Weight, ...] = ()) -> Array:
    """Each ranking counts by its weight, 1 where none are given."""
    weighted = weights_of(scores, weights) * np.nan_to_num(scores, nan=0.0)
    merged = weighted.sum(axis=0)
    merged[np.isnan(scores).all(axis=0)] = -np.inf
    return np.asarray(merged)
