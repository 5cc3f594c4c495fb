"""Things with a name, made of simple surfaces: they bind a space of point clouds where nobody has pairs.

A thing is drawn anew each time: its proportions, how it stands, how many points it has, how noisy they are.
The names are everyday ones, so that text spaces know them, and the shapes as plain as a sign.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.training.solids import household, outdoors  # noqa: F401 - they register what they make
from tieback.training.solids.meshes import SOLIDS
from tieback.training.splits import Split

__all__ = ["COPIES", "SOLIDS", "cloud", "clouds", "split_clouds"]

COPIES = 8
"""So many of each thing; of those that are fitted with, one is for choosing and one for the report."""
HELD_OUT, VALIDATION = 8, 6
"""So many of the things are whole left out of every fit, to report on and to choose by."""


def cloud(number: int, copy: int, seed: int) -> Array:
    """Copy `copy` of the thing at that place in SOLIDS, the same for the same seed."""
    return SOLIDS[number].sample(np.random.default_rng([seed, number, copy]))


def clouds(seed: int) -> list[Array]:
    """COPIES of each thing, one after the other."""
    return [cloud(number, copy, seed) for number in range(len(SOLIDS)) for copy in range(COPIES)]


def split_clouds(seed: int) -> tuple[Split, Array]:
    """Places in `clouds`, and those apart: of a thing that is fitted with, one chooses and one is apart."""
    order = np.random.default_rng(seed).permutation(len(SOLIDS))
    held_out, validation = order[:HELD_OUT], order[HELD_OUT : HELD_OUT + VALIDATION]
    fitted = np.sort(order[HELD_OUT + VALIDATION :])

    def rows(things: Array, copies: Sequence[int]) -> Array:
        return np.asarray(np.sort((things[:, None] * COPIES + np.array(copies)).ravel()))

    chosen_by = np.sort(np.concatenate([rows(validation, [0]), rows(fitted, [COPIES - 2])]))
    split = Split(rows(fitted, range(COPIES - 2)), chosen_by, rows(held_out, range(COPIES)))
    return split, rows(fitted, [COPIES - 1])
