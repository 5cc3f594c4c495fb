"""Quantile matching: a score becomes the score of the same rank in the other space.

It is exact whatever the two distributions are, but the best hits of a query are beyond nearly all of a random
sample, where there are no quantiles: there it goes on by the line of `standard_scores`.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.score_calibration import check_sample, moved, score_calibrations


@score_calibrations.method
def quantiles(scores: Array, background: Array, reference: Array) -> Array:
    """Linear between the sorted samples, and beyond them in parallel to the line of `standard_scores`."""
    one, other = (np.sort(side) for side in check_sample(background, reference))
    within = np.interp(scores, one, other)
    ends = np.clip(scores, one[0], one[-1])
    beyond = moved(scores, one, other) - moved(ends, one, other)
    return np.asarray(within + beyond, np.float32)
