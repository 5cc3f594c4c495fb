"""How versions of a model find each other's vectors: the compatibility matrix, AC and AA.

M[i, j] is the recall@1 of queries of version i among vectors of version j, for j up to i. AC, the average
compatibility, is the share of pairs i > j where M[i, j] is more than M[j, j]: the new version finds more
among old vectors than the old one did. AA, the average accuracy, is the mean of all M[i, j] (Biondi et al.,
2024, arXiv:2405.02581).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array


def compatibility_matrix(versions: Sequence[Array], classes: Array) -> Array:
    """M `[versions, versions]` of unit rows `[n, width]`, the oldest version first; NaN above its diagonal.

    A later version's leading dimensions are in the space of an earlier one, whose width they have. Each
    content seeks another one of its class; one that is alone in its class does not ask.
    """
    counts = np.bincount(classes)
    asking = np.flatnonzero(counts[classes] > 1)
    found = np.full((len(versions), len(versions)), np.nan)
    for new, queries in enumerate(versions):
        for old, gallery in enumerate(versions[: new + 1]):
            # A query's length changes none of its order, so its leading part need not be made a unit again.
            scores = queries[asking, : gallery.shape[1]] @ gallery.T
            scores[np.arange(len(asking)), asking] = -np.inf
            found[new, old] = np.mean(classes[scores.argmax(axis=1)] == classes[asking])
    return found


def average_compatibility(matrix: Array) -> float | None:
    """AC, 0 to 1; None of one version."""
    pairs = [matrix[new, old] > matrix[old, old] for new in range(len(matrix)) for old in range(new)]
    return float(np.mean(pairs)) if pairs else None


def average_accuracy(matrix: Array) -> float:
    """AA, 0 to 1."""
    return float(np.mean(matrix[np.tril_indices(len(matrix))]))
