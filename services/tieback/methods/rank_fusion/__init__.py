"""Rank fusion: one ranking from several rankings of the same candidates."""

from __future__ import annotations

from typing import Annotated, Protocol

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.core.family import Family


class RankFusion(Protocol):
    """Merges rankings; higher scores are better."""

    def __call__(self, scores: Array) -> Array:
        """Merges `scores` `[rankings, candidates]` into `[candidates]`, float64.

        NaN stands where a ranking does not hold a candidate; one that no ranking holds comes out last.
        """
        ...


rank_fusions: Family[RankFusion] = Family(__name__, RankFusion)

Weight = Annotated[float, Field(ge=0)]


def weights_of(scores: Array, weights: tuple[float, ...]) -> Array:
    """One weight per ranking, `[rankings, 1]`: those given, or 1 each where none are."""
    if weights and len(weights) != len(scores):
        raise InvalidInput(
            f"{len(weights)} weights were given for {len(scores)} rankings; give one each, or none",
            field=at("parameters", "weights"),
        )
    return np.array(weights or [1.0] * len(scores))[:, None]
