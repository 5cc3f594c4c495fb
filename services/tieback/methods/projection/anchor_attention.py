"""The mean of the anchors in the other space, weighted by their similarity to the vector in its own.

The weights are a softmax over cosines, so nothing is trained: a coupled set of anchors turns two
unimodal models into a multimodal one (ASIF, Norelli et al., 2023, arXiv:2210.01738). With a classifier's
prototypes and the names of its classes as anchors it is ConSE (Norouzi et al., 2014, arXiv:1312.5650), the
softmax at a temperature of its own. Every result is a mean of anchors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.projection import EPSILON, Positive, Tensors, projections, unit_rows, unit_tensor

if TYPE_CHECKING:
    from torch import Tensor

STATE = {"centre": ("source",), "source": ("anchors", "source"), "target": ("anchors", "target")}


@projections.method
def anchor_attention(vectors: Array, state: State, *, sharpness: Positive = 15.0) -> Array:
    """normalise(softmax(sharpness · V Aᵀ) B), with the anchors A of the source and B of the target."""
    near = sharpness * (unit_rows(vectors - state["centre"]) @ state["source"].T)
    weights = np.exp(near - near.max(axis=1, keepdims=True))
    return unit_rows(weights @ state["target"])


def graph(vectors: Tensor, state: Tensors, *, sharpness: float) -> Tensor:
    """The method in torch; the centre is taken off after the product, and only then the length."""
    anchors = state["source"].T
    near = vectors @ anchors - state["centre"] @ anchors
    lengths = (vectors - state["centre"]).norm(dim=1, keepdim=True).clamp_min(EPSILON)
    return unit_tensor((near / (lengths / sharpness)).softmax(dim=1) @ state["target"])


def fit(source: Array, target: Array, *, centred: bool = True) -> State:
    """The anchors, each side less its mean where `centred`."""
    zero = np.zeros(source.shape[1], np.float32)
    centre = source.mean(axis=0) if centred else zero
    return {
        "centre": zero,
        "source": unit_rows(source - centre),
        "target": unit_rows(target - target.mean(axis=0)) if centred else target,
    }


def least_anchors(source_width: int, target_width: int) -> int:  # noqa: ARG001 - any two will do
    """Two: with one, every vector would be the same."""
    return 2
