"""The vector that a text was found by becomes one token (xRAG; Cheng et al., 2024, arXiv:2405.13792).

A bridge of two layers, trained for a language model and an encoder that both stay as they are. The language
model reads what it makes in the place of the text's own tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.context_compression import context_compressions

STATE = {
    "inner": ("vector", "width"),
    "inner_bias": ("width",),
    "outer": ("width", "width"),
    "outer_bias": ("width",),
}

BEND, CUBE = 0.7978845608, 0.044715
"""Of GELU by the hyperbolic tangent, which NumPy has (arXiv:1606.08415)."""


@context_compressions.method
def xrag(rows: Array, state: State) -> Array:
    """The token is outer · GELU(inner · vector), as the paper's `mlp2x_gelu`."""
    return np.asarray(bridged(np, rows.astype(np.float32), state), np.float32)


def start(vector: int, width: int, *, seed: int) -> dict[str, Array]:
    """The state that training begins with."""
    draw = np.random.default_rng(seed)
    sizes = {"vector": vector, "width": width}
    state = {}
    for name, shape in STATE.items():
        dimensions = [sizes[size] for size in shape]
        scale = 0.0 if len(shape) == 1 else 1 / np.sqrt(dimensions[0])
        state[name] = (scale * draw.normal(size=dimensions)).astype(np.float32)
    return state


def bridged(xp: Any, rows: Any, state: Any) -> Any:
    """The method in NumPy, or in torch as `xp`."""
    inside = rows @ state["inner"] + state["inner_bias"]
    bent = 0.5 * inside * (1.0 + xp.tanh(BEND * (inside + CUBE * inside**3)))
    return bent @ state["outer"] + state["outer_bias"]
