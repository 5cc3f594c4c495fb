"""No map: the new encoder was trained so that its leading dimensions are in the old space.

Its card says of which spaces that is true; `tieback train compatible` makes such encoders, by `oca`, `bt2`
or `stationary`. Queries of the new encoder are compared with old vectors by those dimensions, and stored
vectors enter the new space with zeros behind them: for one query both give one order.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.methods.compatibility import compatibilities, padded
from tieback.methods.projection import unit_rows

STATE = {"shared": ("new",)}


@compatibilities.method
def as_trained(vectors: Array, state: State) -> Array:  # noqa: ARG001 - nothing is mapped
    """The vectors themselves."""
    return unit_rows(vectors)


def translate(old: Array, state: State) -> Array:
    """Stored vectors with zeros behind them."""
    return unit_rows(padded(old, len(state["shared"])))


def fit(old: Array, new: Array, classes: Array | None) -> State:  # noqa: ARG001 - nothing is learned
    """Which dimensions are those of the old space: 1, and 0 behind them."""
    if old.shape[1] > new.shape[1]:
        raise InvalidInput(
            f"the old space is {old.shape[1]} wide and the new one {new.shape[1]}: its leading dimensions "
            "cannot be the old space",
            field="anchors",
        )
    return {"shared": np.asarray(np.arange(new.shape[1]) < old.shape[1], np.float32)}


def least_anchors(old_width: int, new_width: int) -> int:  # noqa: ARG001 - nothing is learned
    """One: nothing is learned."""
    return 1
