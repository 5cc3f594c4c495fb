"""The few dimensions in which two spaces agree, for encoders that stay as they are.

Escaping Plato's Cave (arXiv:2503.05283, method 46), by the projection `cca_affine` both ways: canonical
correlation analysis, and an affine map within the subspace.
"""

from __future__ import annotations

from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.compatibility import compatibilities
from tieback.methods.compatibility._two_ways import INTO_NEW, INTO_OLD, joined, one_way, two_ways
from tieback.methods.projection import Count, NotNegative, cca_affine

STATE = two_ways(cca_affine.STATE)


@compatibilities.method
def subspace(vectors: Array, state: State) -> Array:
    """The map of the new encoder's vectors into the old space."""
    return cca_affine.cca_affine(vectors, one_way(state, INTO_OLD))


def translate(old: Array, state: State) -> Array:
    """The map of stored vectors into the new space."""
    return cca_affine.cca_affine(old, one_way(state, INTO_NEW))


def fit(
    old: Array,
    new: Array,
    classes: Array | None,  # noqa: ARG001 - the pairs say all
    *,
    dimensions: Count = 128,
    ridge: NotNegative = 0.3,
) -> State:
    """Both maps through a subspace of `dimensions`, or of as many as the anchors allow."""

    def one(source: Array, target: Array) -> State:
        return cca_affine.fit(source, target, dimensions=dimensions, ridge=ridge)

    return joined(one(new, old), one(old, new))


def least_anchors(old_width: int, new_width: int) -> int:  # noqa: ARG001 - the ridge fills the rest
    """Thirty-two, as for `affine`."""
    return 32
