"""The network of a learned router, as it is served: two hidden layers, a score per block (arXiv:2407.11895).

It is trained in torch (recipes/train_router) and its BatchNorms are folded into the linear layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State

if TYPE_CHECKING:
    from torch import Tensor

LAYERS = ("first", "second", "third")
"""Each has weights `[in, out]` under its name, and a bias `[out]` under its name and "_bias"."""


def scores(vectors: Array, state: State) -> Array:
    """Scores `[n, blocks]`, 0 to 1, of router inputs `[n, width]`: sigmoid(W₃ tanh(W₂ ReLU(W₁ x)))."""
    inside = np.maximum(vectors @ state["first"] + state["first_bias"], 0)
    inside = np.tanh(inside @ state["second"] + state["second_bias"])
    # As a tanh the sigmoid cannot overflow.
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * (inside @ state["third"] + state["third_bias"])), np.float32)


def graph(vectors: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """`scores` in torch, for exported graphs."""
    inside = (vectors @ state["first"] + state["first_bias"]).relu()
    inside = (inside @ state["second"] + state["second_bias"]).tanh()
    return (inside @ state["third"] + state["third_bias"]).sigmoid()
