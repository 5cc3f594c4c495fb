"""Things with a name, made of simple surfaces: pairs for a space of point clouds where nobody has any.

A thing is drawn anew each time: its proportions, how it stands, how many points it has, how noisy they are.
The names are everyday ones, so that text spaces know them, and the shapes as plain as a sign.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback_lab.training.solids import household, outdoors  # noqa: F401 - they register what they make
from tieback_lab.training.solids.meshes import SOLIDS

__all__ = ["COPIES", "SOLIDS", "cloud"]

COPIES = 8
"""So many of each thing are written."""


def cloud(number: int, copy: int, seed: int) -> Array:
    """Copy `copy` of the thing at that place in SOLIDS, the same for the same seed."""
    return SOLIDS[number].sample(np.random.default_rng([seed, number, copy]))
