"""A weighted sum of the scores themselves (convex combination, Bruch et al. 2022, arXiv:2210.11934).

Right where both scales mean the same for every query, as those do that a hybrid search merges: the similarity
as a share of the query's best one, and the words' score over the length of the query's weights. Then how far
a candidate is ahead counts. An exponent above 1 makes small scores smaller beside large ones, so that a
section with few of a query's words gains little by them. A ranking that does not hold a candidate adds
nothing.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.methods.rank_fusion import Weight, rank_fusions, weights_of

Exponent = Annotated[float, Field(gt=0, le=8)]


@rank_fusions.method
def weighted_sum(
    scores: Array, *, weights: tuple[Weight, ...] = (), exponents: tuple[Exponent, ...] = ()
) -> Array:
    """Each ranking counts by its weight, 1 by default, its scores raised to its exponent.

    A negative score keeps its sign.
    """
    if exponents and len(exponents) != len(scores):
        raise InvalidInput(
            f"{len(exponents)} exponents were given for {len(scores)} rankings; give one each, or none",
            field=at("parameters", "exponents"),
        )
    powers = np.array(exponents or [1.0] * len(scores))[:, None]
    known = np.nan_to_num(scores, nan=0.0)
    merged = (weights_of(scores, weights) * np.sign(known) * np.abs(known) ** powers).sum(axis=0)
    merged[np.isnan(scores).all(axis=0)] = -np.inf
    return np.asarray(merged)
