"""Ridge regression between the spaces, for encoders that stay as they are.

An affine map each way, with offsets (Hoerl and Kennard, 1970). Unlike a rotation it can also shrink what the
one encoder says nothing of, and it maps between any two widths.
"""

from __future__ import annotations

from tieback.core.state import State
from tieback.methods.compatibility import compatibilities
from tieback.methods.compatibility._two_ways import INTO_NEW, INTO_OLD, joined, one_way, two_ways
from tieback.methods.projection import NotNegative
from tieback.methods.projection import affine as regression
from tieback_contract.arrays import Array

STATE = two_ways(regression.STATE)


@compatibilities.method
def affine(vectors: Array, state: State) -> Array:
    """The map of the new encoder's vectors into the old space."""
    return regression.affine(vectors, one_way(state, INTO_OLD))


def translate(old: Array, state: State) -> Array:
    """The map of stored vectors into the new space."""
    return regression.affine(old, one_way(state, INTO_NEW))


def fit(
    old: Array,
    new: Array,
    classes: Array | None,  # noqa: ARG001 - the pairs say all
    *,
    ridge: NotNegative = 0.1,
) -> State:
    """Both maps; `ridge` is that of the projection of this name."""
    return joined(regression.fit(new, old, ridge=ridge), regression.fit(old, new, ridge=ridge))


def least_anchors(old_width: int, new_width: int) -> int:  # noqa: ARG001 - the ridge fills the rest
    """Thirty-two: a ridge maps from two on, but to nothing that can be searched."""
    return 32
