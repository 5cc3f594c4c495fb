"""A batch whose rows belong to several experts, computed in one pass per expert (arXiv:2401.15713).

The rows are sorted by expert, each expert sees its own together, and the results go back to their places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tieback.core.errors import InvalidInput
from tieback_contract.arrays import Array

Expert = Callable[[Array], Array]


def grouped(vectors: Array, chosen: Array, experts: Sequence[Expert]) -> Array:
    """Row i `[width out]` is what expert `chosen[i]` says of `vectors[i]`; one without rows is not called.

    InvalidInput, with the field "chosen", where a row chooses no expert there is.
    """
    chosen = np.asarray(chosen)
    if len(chosen) != len(vectors):
        raise InvalidInput(f"{len(vectors)} rows choose {len(chosen)} experts; give one each", field="chosen")
    if not len(chosen):
        raise InvalidInput("a batch needs at least one row", field="vectors")
    if chosen.min() < 0 or chosen.max() >= len(experts):
        row = int(np.flatnonzero((chosen < 0) | (chosen >= len(experts)))[0])
        raise InvalidInput(
            f"row {row} chooses expert {chosen[row]}; the experts are 0 to {len(experts) - 1}", field="chosen"
        )
    order = np.argsort(chosen, kind="stable")
    numbers, begins = np.unique(chosen[order], return_index=True)
    said = [
        experts[number](vectors[rows])
        for number, rows in zip(numbers, np.split(order, begins[1:]), strict=True)
    ]
    together = np.concatenate(said)
    out = np.empty_like(together)
    out[order] = together
    return out
