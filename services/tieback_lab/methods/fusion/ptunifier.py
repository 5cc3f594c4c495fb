"""A pool of learned prompts stands for a missing part, and one transformer reads all (PTUnifier).

Chen et al., 2023 (arXiv:2302.08958). Each part has a pool of learned rows. Where it is missing, the rows of
its pool that are nearest to the mean of the parts that are there take its place, so one model reads a photo,
a text, or both. The choice has no gradient, and the rows that were chosen have: in the released code neither
has, and the pool stays as it began.

The paper's transformer was trained before on pairs; here it is two layers over rows of frozen encoders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods._attention import layer, layer_schema
from tieback_lab.methods.fusion import Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, in_torch, last, learned, served

LAYERS = ("lower", "upper")
STATE = {
    **shared.SHARED,
    "whole": ("one", "inner"),
    **{name: shape for one in LAYERS for name, shape in layer_schema(one).items()},
    "out": ("inner", "width"),
}


@fusions.method
def ptunifier(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """The first place after two layers over [whole ; rows of the parts ; rows of pools]."""
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with."""
    return shared.start_with(STATE, rows, there, sizes, draw)


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
    """The one state."""
    seen = shared.tokens(xp, rows, there, state)
    whole = xp.broadcast_to(state["whole"], (seen.rows.shape[0], *state["whole"].shape))
    read = xp.concatenate((whole, seen.rows), 1)
    mask = xp.concatenate((shared.every(seen.there[:, :1]), seen.there), 1)
    for name in LAYERS:
        read = layer(xp, read, read, mask, state, name)
    return last(read[:, 0] @ state["out"], there)


fit = learned(start, states, missing="pool")
graph = in_torch(states)
