"""Two maps of a content's vector: what it has in common with a background, and what is new beside it.

SepCLR (Louiset et al., 2024, arXiv:2402.11928) calls the parts common and salient. A salient vector of the
background is a constant, the null vector, so how far from it a content lies is how much of it is new. The
paper trains two networks; here the encoder stays as it is, so that stored vectors can be mapped, and both
maps are linear. The paper's null vector is zero; as vectors are of length 1 here, it is one of these, and
what the mean of the background becomes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.conditional_projection import conditional_projections

STATE = {
    "mean": ("input",),
    "out": ("conditions", "input", "width"),
    "offset": ("conditions", "width"),
}

COMMON, SALIENT = 0, 1
"""The conditions, by their numbers."""

SMALLEST = 1e-6


@conditional_projections.method
def separated(rows: Array, mask: Array, condition: int, state: State) -> Array:  # noqa: ARG001 - the whole's row
    """normalise((row - mean) · out + offset) of the whole's row."""
    return np.asarray(projected(rows[:, 0].astype(np.float32), condition, state), np.float32)


def salience(rows: Array, state: State) -> Array:
    """Distances of the salient vectors of `rows` `[n, input]` from the null vector: 1 less the cosine."""
    return np.asarray(1 - projected(rows.astype(np.float32), SALIENT, state) @ state["offset"][SALIENT])


def start(rows: Array, background: Array, *, kept: int, width: int, seed: int) -> dict[str, Array]:
    """The state that training begins with, random, and the `basis` `[input, kept]` that its maps read.

    The basis are the first principal axes of the standardised `rows` `[n, input]`; more of them fit the
    background's rows and no others.
    """
    scale = rows.std(axis=0, dtype=np.float64) + SMALLEST
    seen = (rows - rows.mean(axis=0, dtype=np.float64)) / scale
    axes = np.linalg.svd(seen, full_matrices=False)[2][:kept].T
    spread = (seen @ axes).std() + SMALLEST
    draw = np.random.default_rng(seed)
    offset = np.zeros((2, width), np.float32)
    offset[SALIENT, 0] = 1
    return {
        "mean": background.mean(axis=0, dtype=np.float64).astype(np.float32),
        "basis": (axes / scale[:, None] / spread).astype(np.float32),
        "maps": (draw.normal(size=(2, axes.shape[1], width)) / axes.shape[1] ** 0.5).astype(np.float32),
        "offset": offset,
    }


def projected(rows: Any, condition: int, state: Any) -> Any:
    """The method for rows `[n, input]`, in NumPy or in torch."""
    found = (rows - state["mean"]) @ state["out"][condition] + state["offset"][condition]
    return found / ((found * found).sum(1)[:, None] + SMALLEST) ** 0.5
