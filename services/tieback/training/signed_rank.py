"""Wilcoxon's signed-rank test: whether paired differences lie to one side of 0 (Wilcoxon, 1945)."""

from __future__ import annotations

import math

import numpy as np
from tieback_contract.arrays import Array


def signed_rank(differences: Array) -> float:
    """The two-sided p of `differences` `[n]`, by the normal approximation with ties corrected for.

    Differences of 0 are left out; 1 where all of them are. Of fewer than about 20 it is rough.
    """
    kept = differences[differences != 0]
    if not len(kept):
        return 1.0
    _, places, counts = np.unique(np.abs(kept), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    count = len(kept)
    variance = count * (count + 1) * (2 * count + 1) / 24 - (counts**3 - counts).sum() / 48
    off = ranks[kept > 0].sum() - count * (count + 1) / 4
    z = off / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))
