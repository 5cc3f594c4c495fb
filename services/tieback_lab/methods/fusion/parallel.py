"""All parts at once, each in its own place, through one network (late fusion).

With parts dropped in training it is the usual answer to missing parts (ModDrop, Neverova et al., 2014,
arXiv:1501.00102), and the rival of every other fusion. By `missing` "skip" the place of a missing part holds
nothing, and the network is told so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.fusion import Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, in_torch, last, learned, served

STATE = {
    **shared.SHARED,
    "first": ("joined", "hidden"),
    "bias": ("hidden",),
    "second": ("hidden", "width"),
}


@fusions.method
def parallel(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """normalise(W₂ relu(W₁ [h₁ … h_P ; presence]))."""
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with."""
    joined, hidden = len(sizes.parts) * (sizes.inner + 1), 2 * sizes.inner
    return {
        **shared.start(rows, there, sizes, draw),
        "first": shared.matrix(draw, joined, hidden),
        "bias": np.zeros(hidden, np.float32),
        "second": shared.matrix(draw, hidden, sizes.width),
    }


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
    """The one state."""
    seen = shared.tokens(xp, rows, there, state)
    present = seen.present[..., None] * (seen.by_part * 0 + 1)[..., :1]
    joined = xp.concatenate((seen.by_part * present, present), 2)
    inside = joined.reshape(joined.shape[0], -1) @ state["first"] + state["bias"]
    return last(xp.clip(inside, 0.0, None) @ state["second"], there)


fit = learned(start, states)
graph = in_torch(states)
