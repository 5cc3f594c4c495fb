"""The coordinates of a vector along orthonormal directions of its own space.

The linear map of orthonormal columns that brings the centred source nearest to the centred target: orthogonal
Procrustes between two widths (Schönemann, 1966, doi:10.1007/BF02289451). Where the target is the source's own
reduction, it is that reduction again, which is how the block of a wide space is made narrower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.projection import Tensors, procrustes, projections, unit_rows, unit_tensor

if TYPE_CHECKING:
    from torch import Tensor

STATE = {"centre": ("source",), "basis": ("source", "target")}


@projections.method
def subspace(vectors: Array, state: State) -> Array:
    """normalise((v − centre) V), with V `[source width, target width]`."""
    return unit_rows((vectors - state["centre"]) @ state["basis"])


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch."""
    return unit_tensor(vectors @ state["basis"] - state["centre"] @ state["basis"])


def fit(source: Array, target: Array) -> State:
    """The mean of the source, and the orthonormal map that brings it nearest to the target."""
    turned = procrustes.fit(source, target)
    return {"centre": turned["centre"], "basis": turned["rotation"]}


def principal(rows: Array, width: int, centre: Array) -> State:
    """The state that keeps the `width` directions in which `rows` `[n, d]` reach farthest from `centre`.

    The directions' signs are fixed (the largest entry of each is positive), so that equal rows give equal
    states. `width` is cut to the rows' rank at most.
    """
    directions = np.linalg.svd(np.asarray(rows, np.float64), full_matrices=False)[2][:width]
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    basis = np.ascontiguousarray((directions * signs[:, None]).T, np.float32)
    return {"centre": np.asarray(centre, np.float32), "basis": basis}


def least_anchors(source_width: int, target_width: int) -> int:  # noqa: ARG001 - any two will do
    """Two: one alone is its own mean."""
    return 2
