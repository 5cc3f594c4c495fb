"""Where in a ranking what is looked for stands."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array


def ranks(scores: Array, own: Array) -> Array:
    """The place `[n]`, from 1, of the column `own` `[n]` in each row of `scores` `[n, m]`, best first.

    Where one thing is looked for, 1 / place is its average precision.
    """
    wanted = scores[np.arange(len(own)), own]
    return np.asarray(1 + (scores > wanted[:, None]).sum(axis=1))
