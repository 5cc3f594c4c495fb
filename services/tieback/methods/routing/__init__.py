"""Routing: the weights of the spaces in a joint vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tieback_contract.arrays import Array

from tieback.core.family import Family


class RoutingPolicy(Protocol):
    """Weights the spaces of an input."""

    def __call__(self, spaces: Sequence[str], present: Array, scores: Array) -> Array:
        """Weights `[inputs, spaces]`, where `present` `[inputs, spaces]` (bool) says which have a vector.

        `scores` `[inputs, spaces]`, 0 to 1, are a learned router's; all zeros where there is none.
        Absent spaces have weight 0. A row sums to 1, or is all zeros where no space of any weight has one.
        """
        ...


routings: Family[RoutingPolicy] = Family(__name__, RoutingPolicy)
