"""Alignment by optimal transport, as in UNITER (Chen et al., 2020, arXiv:1909.11740).

The query's rows and a candidate's rows each hold a mass of 1, spread evenly, and moving mass between two rows
costs 1 − cosine. The inexact proximal point method (IPOT; Xie et al., 2018, arXiv:1802.04307) finds the plan.
Unlike MaxSim, every row of the candidate must be accounted for: what does not bear on the query costs.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.methods.reranking import Alignments, Checkpoint, cosines, passes_of_cosines, rerankings
from tieback_contract.arrays import Array


def passes(width: int, *, iterations: int) -> int:
    """The cosines, and one pass for each iteration."""
    return passes_of_cosines(width) + iterations


@rerankings.method
def optimal_transport(
    query: Array,
    rows: Array,
    mask: Array,
    checkpoint: Checkpoint,
    *,
    beta: Annotated[float, Field(ge=0.01, le=100)] = 0.5,
    iterations: Annotated[int, Field(ge=1, le=2000)] = 50,
) -> Array:
    """1 − the transport's cost, that is, the mean cosine under the plan."""
    similarities, plans, _ = summary(query, rows, mask, checkpoint, beta=beta, iterations=iterations)
    return np.asarray((plans * similarities).sum(axis=(1, 2)))


def summary(
    query: Array, rows: Array, mask: Array, checkpoint: Checkpoint, *, beta: float, iterations: int
) -> Alignments:
    """The transport plan: how much of each row of the query goes to each row of the candidate."""
    similarities = cosines(query, rows)
    plans = transport(1.0 - similarities, mask, beta=beta, iterations=iterations, checkpoint=checkpoint)
    return Alignments(similarities, plans, is_plan=True)


def transport(
    costs: Array, mask: Array, *, beta: float, iterations: int, checkpoint: Checkpoint = lambda: None
) -> Array:
    """IPOT plans `[candidates, m, n]` for costs of that shape; uniform over rows and over unmasked columns.

    `beta` is the step of the proximal operator; each outer iteration makes one inner Sinkhorn update, ending
    with the columns, so column sums are exact and row sums converge.
    """
    rows = costs.shape[1]
    columns = mask.sum(axis=1)[:, None]
    kernel = costs / -beta
    np.exp(kernel, out=kernel)
    kernel *= mask[:, None, :]
    plans = np.ones_like(costs) * mask[:, None, :]
    sigma = mask / columns
    for _ in range(iterations):
        checkpoint()
        plans *= kernel  # in place, as all that follows: a plan may be large
        delta = 1.0 / (rows * _above_zero(np.einsum("bmn,bn->bm", plans, sigma)))
        sigma = mask / (columns * _above_zero(np.einsum("bmn,bm->bn", plans, delta)))
        plans *= delta[:, :, None]
        plans *= sigma[:, None, :]
    return plans


def _above_zero(sums: Array) -> Array:
    return np.maximum(sums, 1e-300)  # masked columns sum to 0 and are masked again after the division
