"""Splits: what is fitted with, what is chosen by, what is reported on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

HELD_OUT = 0.10
"""Share that a report's numbers come from."""
VALIDATION = 0.05
"""Share that is chosen by."""
SMALLEST = 4
"""Of fewer things, all are fitted with."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Places of things, ascending: to fit with, to choose by, to report on."""

    training: Array
    validation: Array
    held_out: Array


def split(count: int, seed: int, *, held_out: float = HELD_OUT, validation: float = VALIDATION) -> Split:
    """The places 0 to `count`, shuffled by the seed; the shares are of `count`, one thing at least.

    Where that leaves too few to fit with, one of each is left out; of fewer than SMALLEST, none.
    """
    reported, chosen = (max(1, round(share * count)) for share in (held_out, validation))
    if count < reported + chosen + 2:
        reported = chosen = 0 if count < SMALLEST else 1
    return split_off(count, reported, chosen, seed)


def split_off(count: int, reported: int, chosen: int, seed: int) -> Split:
    """The places 0 to `count`, shuffled by the seed: so many to report on, so many to choose by."""
    order = np.random.default_rng(seed).permutation(count)
    return Split(
        np.sort(order[reported + chosen :]),
        np.sort(order[reported : reported + chosen]),
        np.sort(order[:reported]),
    )


def folds(groups: Array, seed: int, *, count: int) -> Array:
    """The fold of each row, 0 to `count`; rows of one group are in one."""
    numbers = np.unique(groups, return_inverse=True)[1]
    return np.asarray((np.random.default_rng(seed).permutation(int(numbers.max()) + 1) % count)[numbers])
