"""A rotation between the spaces and a correction of low rank, for encoders that stay as they are.

What orthogonal Procrustes (Schönemann, 1966, doi:10.1007/BF02289451) leaves of the anchors is predicted by
reduced-rank regression (Izenman, 1975): ridge regression whose predictions are cut to their first principal
directions. With rank 0 it is `orthogonal`, with full rank nearly `affine`.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.compatibility import compatibilities
from tieback.methods.compatibility._two_ways import INTO_NEW, INTO_OLD, joined, one_way, two_ways
from tieback.methods.projection import Count, Positive, affine, procrustes, unit_rows

STATE = two_ways(procrustes.STATE | {"down": ("source", "rank"), "up": ("rank", "target")})


@compatibilities.method
def low_rank(vectors: Array, state: State) -> Array:
    """The map of the new encoder's vectors into the old space."""
    return _mapped(vectors, one_way(state, INTO_OLD))


def translate(old: Array, state: State) -> Array:
    """The map of stored vectors into the new space."""
    return _mapped(old, one_way(state, INTO_NEW))


def fit(
    old: Array,
    new: Array,
    classes: Array | None,  # noqa: ARG001 - the pairs say all
    *,
    rank: Count = 64,
    ridge: Positive = 0.1,
) -> State:
    """Both rotations with their corrections; `ridge` is that of the projection `affine`."""
    return joined(_one(new, old, rank, ridge), _one(old, new, rank, ridge))


def least_anchors(old_width: int, new_width: int) -> int:
    """As many as the rotation takes."""
    return procrustes.least_anchors(old_width, new_width)


def _mapped(vectors: Array, state: State) -> Array:
    """normalise((v − m) (W + D U) + n)."""
    centred = vectors - state["centre"]
    return unit_rows(
        centred @ state["rotation"] + (centred @ state["down"]) @ state["up"] + state["target_centre"]
    )


def _one(source: Array, target: Array, rank: int, ridge: float) -> State:
    turned = procrustes.fit(source, target)
    centred = source - turned["centre"]
    left = target - centred @ turned["rotation"] - turned["target_centre"]
    correction = affine.fit(centred, left, ridge=ridge)["map"]
    directions = np.linalg.svd(centred @ correction, full_matrices=False)[2][:rank]
    return {
        **turned,
        "down": np.ascontiguousarray(correction @ directions.T),
        "up": np.ascontiguousarray(directions),
    }
