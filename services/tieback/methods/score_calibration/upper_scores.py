"""The upper part of a query's scores is brought to that in the other space, by a line.

A ranking is decided among the best scores. This line has the mean and the deviation of the best `share` of
the sample, and knows nothing of the others. It takes a larger sample than `standard_scores`.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.methods.score_calibration import FEWEST, check_sample, moved, score_calibrations


@score_calibrations.method
def upper_scores(
    scores: Array,
    background: Array,
    reference: Array,
    *,
    share: Annotated[float, Field(gt=0, le=1)] = 0.5,
) -> Array:
    """As `standard_scores`, by the best `share` of either sample, and FEWEST of it at least."""
    sides = check_sample(background, reference)
    count = max(FEWEST, round(share * len(background)))
    best = [np.partition(side, len(side) - count)[len(side) - count :] for side in sides]
    return moved(scores, *best)
