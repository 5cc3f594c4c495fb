"""Soft mutual nearest neighbours, as pictures are matched densely (Rocco et al., 2018, arXiv:1810.10510).

Each row of the query chooses among the candidate's rows by a softmax of cosines, and each row of the
candidate chooses among the query's. The product of both choices, the dual softmax of LoFTR (Sun et al., 2021,
arXiv:2104.00680), is near 1 only for mutual nearest neighbours. Its sum over the candidate's rows is the
chance to return to a query's row from where it leads: its forward-backward consistency. That part of the
row's share, 1 / m, goes to its partners, and the rest is spread evenly over the candidate. So a row without a
partner counts by its mean similarity, where in late interaction it counts by its best, and one row of a
candidate that resembles many rows of the query is not counted in full for each of them.

This is a baseline for UFC (Hong et al., 2024, arXiv:2403.11120). Of that paper it has the matching by a cost
volume, and the forward-backward consistency as confidence. It does not have what the paper proposes: layers
of attention that learn to aggregate features and cost volume by each other, from coarse to fine. Nor does it
see where rows lie in a picture, so it cannot tell repeated patterns apart by their neighbours.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.methods.reranking import Alignments, Checkpoint, cosines, passes_of_cosines, rerankings
from tieback_contract.arrays import Array

PASSES_OF_MATCHING = 4
"""What the exponential, two sums and two divisions cost: measured on x86-64."""

SMALLEST = 1e-300
"""In place of the sum of a masked row's choices, which is 0."""


def passes(width: int) -> int:
    """The cosines, and making choices of them."""
    return passes_of_cosines(width) + PASSES_OF_MATCHING


@rerankings.method
def dense_matching(
    query: Array,
    rows: Array,
    mask: Array,
    checkpoint: Checkpoint,
    *,
    temperature: Annotated[float, Field(ge=0.01, le=100)] = 0.05,
) -> Array:
    """The mean similarity of the query's rows with their partners, or with all rows where they have none."""
    similarities, weights, _ = summary(query, rows, mask, checkpoint, temperature=temperature)
    return np.asarray((weights * similarities).sum(axis=(1, 2)))


def summary(
    query: Array,
    rows: Array,
    mask: Array,
    checkpoint: Checkpoint,  # noqa: ARG001 - there is nothing to iterate
    *,
    temperature: float,
) -> Alignments:
    """Each row of the query gives as much of its share to its partners as they choose it, the rest to all."""
    similarities = cosines(query, rows)
    weights = mutual_choices(similarities, mask, temperature=temperature)
    rest = 1.0 - weights.sum(axis=2, keepdims=True)
    weights += rest / mask.sum(axis=1)[:, None, None] * mask[:, None, :]
    weights /= len(query)
    return Alignments(similarities, weights)


def mutual_choices(similarities: Array, mask: Array, *, temperature: float) -> Array:
    """How much a row of the query and a row of the candidate choose each other, 0..1, `[candidates, m, n]`.

    Their sum over n is the consistency of a query's row, at most 1. A temperature of at least 0.01 keeps the
    squares of the exponentials above exp(-400), inside the range of float64.
    """
    choices = (similarities - 1.0) / temperature
    np.exp(choices, out=choices)
    choices *= mask[:, None, :]
    forward = choices.sum(axis=2, keepdims=True)
    backward = np.maximum(choices.sum(axis=1, keepdims=True), SMALLEST)
    choices *= choices
    choices /= forward
    choices /= backward
    return choices
