"""What is asked, or who asks, attends to the rows of the parts (BERT with cross-attention).

Of consumer preference by profiles of people and tokens of reviews: the profile is the query of a multi-head
attention whose keys and values are BERT's tokens, in place of a concatenation of both pooled. Here the
`condition` is any vector, such as that of a question, and the rows are those of frozen encoders.

The answer is one layer of a transformer decoder over the condition alone: it reads the rows by what it asks,
and so it sees rows that a mean would hide. A part of one row leaves it nothing to choose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods._attention import layer, layer_schema, normed
from tieback_lab.methods.fusion import Rows, There, check_condition, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, in_torch, last, learned, served

STATE = {
    **shared.SHARED,
    "ask": ("asked", "inner"),
    **layer_schema("cross"),
    "out": ("inner", "width"),
}


@fusions.method
def cross_attention(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """normalise(W layer(condition, rows of all parts)), where the layer attends to the rows.

    InvalidInput, with the field `condition`, without one vector of the learned width for each thing.
    """
    check_condition(condition, len(rows[0]), len(state["ask"]))
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with. InvalidInput without a condition to learn with."""
    if not sizes.asked:
        raise InvalidInput("cross_attention needs a condition of each thing", field="condition")
    return shared.start_with(STATE, rows, there, sizes, draw)


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:
    """The one state."""
    seen = shared.tokens(xp, rows, there, state)
    asking = normed(condition) @ state["ask"]
    read = layer(xp, asking[:, None], seen.rows, seen.there, state, "cross")
    return last(read[:, 0] @ state["out"], there)


fit = learned(start, states)
graph = in_torch(states)
