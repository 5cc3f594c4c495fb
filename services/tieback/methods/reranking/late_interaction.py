"""Late interaction, MaxSim (ColBERT; Khattab and Zaharia, 2020, arXiv:2004.12832).

Each row of the query (a token, a region, a window) finds its most similar row of the candidate. The score is
the mean of these maxima: the paper's sum divided by the number of the query's rows, which changes no order
and makes scores of different queries comparable. Long candidates have more chances, so they score a little
higher.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.reranking import Alignments, Checkpoint, cosines, passes_of_cosines, rerankings


def passes(width: int) -> int:
    """The cosines, and nothing more that counts."""
    return passes_of_cosines(width)


@rerankings.method
def late_interaction(query: Array, rows: Array, mask: Array, checkpoint: Checkpoint) -> Array:  # noqa: ARG001 - there is nothing to iterate
    """The mean of the largest similarities of the query's rows."""
    return np.asarray(_visible(cosines(query, rows), mask).max(axis=2).mean(axis=1))


def summary(query: Array, rows: Array, mask: Array, checkpoint: Checkpoint) -> Alignments:  # noqa: ARG001 - as above
    """Each row of the query gives its whole share, 1 / m, to the best row of the candidate."""
    similarities = cosines(query, rows)
    best = _visible(similarities, mask).argmax(axis=2)
    weights = np.zeros_like(similarities)
    np.put_along_axis(weights, best[:, :, None], 1.0 / len(query), axis=2)
    return Alignments(similarities, weights)


def _visible(similarities: Array, mask: Array) -> Array:
    return np.where(mask[:, None, :], similarities, -np.inf)
