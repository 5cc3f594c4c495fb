"""A rotation between the spaces, for encoders that stay as they are.

Orthogonal Procrustes (Schönemann, 1966, doi:10.1007/BF02289451) of the centred anchors, both ways. It keeps
distances, so it needs few anchors, and where both encoders are of one family it is hard to beat: from
all-MiniLM-L6-v2 to paraphrase-MiniLM-L3-v2 it keeps more than `affine` from a few hundred anchors.
"""

from __future__ import annotations

from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.compatibility import compatibilities
from tieback.methods.compatibility._two_ways import INTO_NEW, INTO_OLD, joined, one_way, two_ways
from tieback.methods.projection import procrustes

STATE = two_ways(procrustes.STATE)


@compatibilities.method
def orthogonal(vectors: Array, state: State) -> Array:
    """The map of the new encoder's vectors into the old space."""
    return procrustes.procrustes(vectors, one_way(state, INTO_OLD))


def translate(old: Array, state: State) -> Array:
    """The map of stored vectors into the new space."""
    return procrustes.procrustes(old, one_way(state, INTO_NEW))


def fit(old: Array, new: Array, classes: Array | None) -> State:  # noqa: ARG001 - pairs say all
    """Both rotations, with the means of both sides."""
    return joined(procrustes.fit(new, old), procrustes.fit(old, new))


def least_anchors(old_width: int, new_width: int) -> int:
    """As many as the rotation takes."""
    return procrustes.least_anchors(old_width, new_width)
