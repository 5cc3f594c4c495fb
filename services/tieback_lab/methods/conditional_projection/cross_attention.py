"""The condition asks the rows of a content by cross-attention (CCA; Song et al., 2023, arXiv:2307.13254).

The condition is the query of an attention whose keys are the rows of the content, regions of a photo for
instance. What it reads is projected to the condition's space. The paper trains the network that makes the
rows too, and has one last layer for all conditions. Here the encoder stays as it is, so that stored vectors
can be projected, and each condition has a last layer of its own: where a content is stored as one vector
there is nothing to attend to, and this layer alone tells the conditions apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.conditional_projection import conditional_projections

STATE = {
    "mean": ("input",),
    "scale": ("input",),
    "key": ("input", "inner"),
    "query": ("conditions", "inner"),
    "out": ("conditions", "input", "width"),
}

SMALLEST = 1e-6
LARGEST_LOGIT = 60.0
"""Of an attention: its exponential is within float32."""


@conditional_projections.method
def cross_attention(rows: Array, mask: Array, condition: int, state: State) -> Array:
    """normalise(attention(condition, rows) · out)."""
    found = projected(np, rows.astype(np.float32), mask, condition, state)
    return np.asarray(found, np.float32)


def start(
    rows: Array, mask: Array, *, conditions: int, inner: int, width: int, seed: int
) -> dict[str, Array]:
    """The state that training begins with: the rows' mean and scale, all rows attended to alike."""
    draw = np.random.default_rng(seed)
    seen = rows[mask].astype(np.float64)
    size = seen.shape[1]
    return {
        "mean": seen.mean(axis=0).astype(np.float32),
        "scale": (1 / (seen.std(axis=0) + SMALLEST**0.5)).astype(np.float32),
        "key": (draw.normal(size=(size, inner)) / np.sqrt(size)).astype(np.float32),
        "query": np.zeros((conditions, inner), np.float32),
        "out": (draw.normal(size=(conditions, size, width)) / np.sqrt(size)).astype(np.float32),
    }


def projected(xp: Any, rows: Any, mask: Any, condition: int, state: Any) -> Any:
    """The method in NumPy, or in torch as `xp`."""
    seen = (rows - state["mean"]) * state["scale"]
    logits = (seen @ state["key"] @ state["query"][condition]) / state["query"].shape[1] ** 0.5
    weights = xp.exp(xp.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)) * mask
    weights = weights / weights.sum(1)[:, None]
    read = (weights[:, None] @ seen)[:, 0] @ state["out"][condition]
    return read / ((read * read).sum(1)[:, None] + SMALLEST) ** 0.5
