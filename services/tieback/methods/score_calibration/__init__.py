"""Score calibration: similarities in one space on the scale of another, for one ranking of both.

While a collection moves from one space to another, some of its sections have a vector of the one, the others
of the other. A query is encoded in both, and what it says of each section is a similarity in that section's
own space. Two encoders spread their similarities differently, and differently for each query. So the scale is
set query by query, by what the query says, in both spaces, of a sample of sections that have both vectors.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput
from tieback.core.family import Family


class ScoreCalibration(Protocol):
    """A monotone map of one query's scores onto the scale of another space."""

    def __call__(self, scores: Array, background: Array, reference: Array) -> Array:
        """`scores` `[n]` on the scale of `reference`, `[n]`, float32, in the order in which they were.

        `background` `[m]` are the query's scores of a random sample of sections, in the space of `scores`,
        and `reference` `[m]` its scores of the same sections in the other space. InvalidInput where they are
        not as many, or fewer than `FEWEST`.
        """
        ...


score_calibrations: Family[ScoreCalibration] = Family(__name__, ScoreCalibration)

FEWEST = 8
"""Sections in the sample. More are better: see `standard_scores`."""
_FLAT = 1e-6
"""Scores that differ by less than so much say nothing of a scale."""


def check_sample(background: Array, reference: Array) -> tuple[Array, Array]:
    """Both in float64. InvalidInput as `ScoreCalibration` says."""
    if background.ndim != 1 or background.shape != reference.shape:
        raise InvalidInput(
            f"a sample is scored in both spaces: {background.shape} and {reference.shape} are not as many",
            field="reference",
        )
    if len(background) < FEWEST:
        raise InvalidInput(
            f"scores are calibrated by {FEWEST} sections or more; there are {len(background)}",
            field="background",
        )
    return background.astype(np.float64), reference.astype(np.float64)


def moved(scores: Array, background: Array, reference: Array) -> Array:
    """`scores` by the line that brings mean and deviation of `background` to those of `reference`.

    Where either sample is flat, the line has a slope of 1.
    """
    spread, wanted = background.std(), reference.std()
    slope = wanted / spread if min(spread, wanted) > _FLAT else 1.0
    return np.asarray((scores - background.mean()) * slope + reference.mean(), np.float32)
