"""A rotation into another space, which keeps distances.

Orthogonal Procrustes (Schönemann, 1966): of all W with orthonormal rows or columns, the one that brings the
centred anchors nearest, U Vᵀ of the singular value decomposition U S Vᵀ of AᵀB. Widths may differ. Into a
wider space W is an isometry. Into a narrower one it is a projection; it then maximises ⟨AW, B⟩, which is
nearest only as far as all that AW drops is noise. Nothing can be stretched, so few anchors suffice, and two
spaces whose directions differ in weight are left to `affine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.projection import Tensors, projections, unit_rows, unit_tensor

if TYPE_CHECKING:
    from torch import Tensor

STATE = {"centre": ("source",), "rotation": ("source", "target"), "target_centre": ("target",)}


@projections.method
def procrustes(vectors: Array, state: State) -> Array:
    """normalise((V − m) W + n), with the means m and n of the two sides' anchors."""
    return unit_rows((vectors - state["centre"]) @ state["rotation"] + state["target_centre"])


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch."""
    offset = state["target_centre"] - state["centre"] @ state["rotation"]
    return unit_tensor(vectors @ state["rotation"] + offset)


def fit(source: Array, target: Array, *, centred: bool = True) -> State:
    """W `[d1, d2]`, and the means where `centred`; otherwise the turn is about the origin."""
    left = source.mean(axis=0) if centred else np.zeros(source.shape[1], np.float32)
    right = target.mean(axis=0) if centred else np.zeros(target.shape[1], np.float32)
    cross = (source - left).astype(np.float64).T @ (target - right).astype(np.float64)
    turned, _, back = np.linalg.svd(cross, full_matrices=False)
    return {
        "centre": left,
        "rotation": np.asarray(turned @ back, np.float32),
        "target_centre": right,
    }


def least_anchors(source_width: int, target_width: int) -> int:
    """One more than the narrower space is wide: with fewer, several rotations fit the anchors as well."""
    return min(source_width, target_width) + 1
