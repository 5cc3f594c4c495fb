"""Binding: how what one model says enters another model's space."""

from __future__ import annotations

from typing import Protocol

from tieback.core.family import Family
from tieback.core.types.arrays import Array


class Binding(Protocol):
    """A way from a classifier's classes into a text space."""

    def __call__(self, probabilities: Array, vectors: Array) -> Array:
        """A unit vector `[width]` from `probabilities` `[k]` and the classes' `vectors` `[k, width]`.

        All zeros where the vectors cancel out or no probability is positive.
        """
        ...


bindings: Family[Binding] = Family(__name__, Binding)
