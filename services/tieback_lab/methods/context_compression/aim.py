"""A demonstration becomes virtual tokens of its text's length (AIM; Gao et al., 2024, arXiv:2406.07588).

The first layers of the frozen language model read what the demonstration shows, an image in the paper, with
its text behind it. Their states of the text's tokens hold both. A trained projection makes of each state one
embedding, which the model reads in the place of the demonstration. What was shown is not read again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback.methods.projection import affine
from tieback_contract.arrays import Array

from tieback_lab.methods.context_compression import context_compressions

STATE = {"weights": ("states", "width"), "bias": ("width",)}

RIDGE = 1e-2
"""Of the start: see `affine`."""


@context_compressions.method
def aim(rows: Array, state: State) -> Array:
    """The tokens are states · weights + bias: one for each token of the text."""
    return np.asarray(projected(rows.astype(np.float32), state), np.float32)


def start(states: Array, embeddings: Array) -> dict[str, Array]:
    """The state that training begins with: ridge regression of tokens' own embeddings `[n, width]` on their
    `states` `[n, states]`. By it a model reads about the demonstrations' texts.
    """
    found = affine.fit(states, embeddings, ridge=RIDGE)
    return {"weights": found["map"], "bias": found["offset"]}


def projected(rows: Any, state: Any) -> Any:
    """The method on arrays of NumPy, or of torch."""
    return rows @ state["weights"] + state["bias"]
