"""Bridging: vectors of a text space from the classes of a classifier."""

from __future__ import annotations

from typing import Protocol

from tieback_contract.arrays import Array

from tieback.core.family import Family


class Bridge(Protocol):
    """A vector of a text space from weighted classes."""

    def __call__(self, probabilities: Array, vectors: Array) -> Array:
        """A unit vector `[width]` from `probabilities` `[k]` and the classes' `vectors` `[k, width]`.

        All zeros where the vectors cancel out or no probability is positive.
        """
        ...


bridges: Family[Bridge] = Family(__name__, Bridge)
