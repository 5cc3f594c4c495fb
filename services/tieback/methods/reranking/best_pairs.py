"""The most similar pairs of rows alone count, whichever they are.

For pictures that show a part of what another shows, beside other things: the region that both have is the
best pair, and other rows, of a background for instance, match nothing. In late interaction these count like
all others. It is the local half of how DOLG (Yang et al., 2021, arXiv:2108.02927) tells instances apart; the
global half is the score of the search, with which rerankings are merged.

Between texts, where one shared word is such a pair, it says little.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.methods.reranking import Alignments, Checkpoint, cosines, passes_of_cosines, rerankings


def passes(width: int) -> int:
    """The cosines, and nothing more that counts."""
    return passes_of_cosines(width)


@rerankings.method
def best_pairs(
    query: Array,
    rows: Array,
    mask: Array,
    checkpoint: Checkpoint,
    *,
    pairs: Annotated[int, Field(ge=1, le=64)] = 1,
) -> Array:
    """The mean of the largest similarities between the query's rows and the candidate's."""
    similarities, weights, _ = summary(query, rows, mask, checkpoint, pairs=pairs)
    return np.asarray((weights * similarities).sum(axis=(1, 2)))


def summary(
    query: Array,
    rows: Array,
    mask: Array,
    checkpoint: Checkpoint,  # noqa: ARG001 - there is nothing to iterate
    *,
    pairs: int,
) -> Alignments:
    """The best pairs have equal shares; where a candidate has fewer pairs, all of them."""
    similarities = cosines(query, rows)
    flat = np.where(mask[:, None, :], similarities, -np.inf).reshape(len(rows), -1)
    count = min(pairs, flat.shape[1])
    best = np.argpartition(-flat, count - 1, axis=1)[:, :count]
    weights = np.zeros_like(flat)
    np.put_along_axis(weights, best, 1.0, axis=1)
    weights *= np.isfinite(flat)
    weights /= weights.sum(axis=1, keepdims=True)
    return Alignments(similarities, weights.reshape(similarities.shape))
