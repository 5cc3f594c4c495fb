"""Standard scores: mean and deviation of a query's scores are brought to those in the other space.

Of the calibrations that were compared it was the best (docs/upgrades.md): with 128 sections or more in the
sample, a collection that was partly in either space was never worse than the worse of both spaces, for four
collections and four pairs of text encoders. One scale for all queries loses up to 2.7 points of nDCG@10
there, and a regression of the one score on the other, which shrinks whatever it predicts, loses ten.
"""

from __future__ import annotations

from tieback_contract.arrays import Array

from tieback.methods.score_calibration import check_sample, moved, score_calibrations


@score_calibrations.method
def standard_scores(scores: Array, background: Array, reference: Array) -> Array:
    """(s − mean b) · deviation r / deviation b + mean r."""
    return moved(scores, *check_sample(background, reference))
