"""No learned ranking: the search's order stays."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import Schema, State
from tieback.methods.learned_ranking import learned_rankings

STATE: Schema = {}


@learned_rankings.method
def none(signals: Array, state: State) -> Array:  # noqa: ARG001 - there is nothing learned
    """Nothing for any signal."""
    return np.zeros(signals.shape)


def fit(
    signals: Array,  # noqa: ARG001 - as above
    grades: Array,  # noqa: ARG001 - as above
    queries: Array,  # noqa: ARG001 - as above
    *,
    prior: Array,  # noqa: ARG001 - as above
    rising: Array,  # noqa: ARG001 - as above
) -> State:
    """Nothing."""
    return {}
