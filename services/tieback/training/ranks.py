"""Where in a ranking what is looked for stands."""

from __future__ import annotations

import math

import numpy as np
from tieback_contract.arrays import Array


def ranks(scores: Array, own: Array) -> Array:
    """The place `[n]`, from 1, of the column `own` `[n]` in each row of `scores` `[n, m]`, best first.

    Where one thing is looked for, 1 / place is its average precision.
    """
    wanted = scores[np.arange(len(own)), own]
    return np.asarray(1 + (scores > wanted[:, None]).sum(axis=1))


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


# How versions of a model find each other's vectors: the compatibility matrix, AC and AA.
#
# M[i, j] says what queries of version i find among vectors of version j, for j up to i. AC, the average
# compatibility, is the share of pairs i > j where M[i, j] is more than M[j, j]: the new version finds more
# among old vectors than the old one did. AA, the average accuracy, is the mean of all M[i, j] (Biondi et
# al., 2024, arXiv:2405.02581).
def average_compatibility(matrix: Array) -> float | None:
    """AC, 0 to 1; None of one version."""
    pairs = [matrix[new, old] > matrix[old, old] for new in range(len(matrix)) for old in range(new)]
    return float(np.mean(pairs)) if pairs else None


def average_accuracy(matrix: Array) -> float:
    """AA, 0 to 1."""
    return float(np.mean(matrix[np.tril_indices(len(matrix))]))
