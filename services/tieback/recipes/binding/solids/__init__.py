"""Things with a name, made of simple surfaces: they bind a space of point clouds where nobody has pairs.

A thing is drawn anew each time: its proportions, how it stands, how many points it has, how noisy they are.
The names are everyday ones, so that text spaces know them, and the shapes as plain as a sign.
"""

from __future__ import annotations

import numpy as np

from tieback.core.types.arrays import Array
from tieback.recipes.binding.solids import household, outdoors  # noqa: F401 - they register what they make
from tieback.recipes.binding.solids.solid import SOLIDS

__all__ = ["SOLIDS", "cloud"]


def cloud(number: int, copy: int, seed: int) -> Array:
    """Copy `copy` of the thing at that place in SOLIDS, the same for the same seed."""
    return SOLIDS[number].sample(np.random.default_rng([seed, number, copy]))
