"""Partial optimal transport: the alignment of UNITER (Chen et al., 2020, arXiv:1909.11740), not of all rows.

Every row of the query sends out the same mass, and moving mass costs 1 − cosine, as in `optimal_transport`.
But a row of the candidate may receive more or less than its even share: the masses that are received cost
`relaxation` times their Kullback-Leibler divergence from even ones (unbalanced transport with one marginal
relaxed; Chizat et al., 2018, arXiv:1607.05816). So rows of a candidate that bear on nothing of the query stay
almost empty, and the score, the mean cosine under the plan, hardly counts them.

`relaxation` is in units of the cost: a row that is further away than another by several times as much stays
almost empty. As it grows, this becomes `optimal_transport`. Near 0, every row of the query sends all to its
most similar row, as in `late_interaction`.

The plan is found by proximal steps as there (IPOT; Xie et al., 2018, arXiv:1802.04307), each with one update
of the scaling algorithm of Chizat et al., so it converges to the plan without entropic blur. Where the query
has one row, a step leaves beta / (beta + relaxation) of the distance to it: a small relaxation needs a small
`beta` or many iterations.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.methods.reranking import Alignments, Checkpoint, cosines, passes_of_cosines, rerankings
from tieback_contract.arrays import Array

SMALLEST = 1e-300
"""In place of a sum of 0: that of a masked row, or of one that has been emptied."""


def passes(width: int, *, iterations: int) -> int:
    """The cosines, and one pass for each iteration."""
    return passes_of_cosines(width) + iterations


@rerankings.method
def partial_transport(
    query: Array,
    rows: Array,
    mask: Array,
    checkpoint: Checkpoint,
    *,
    relaxation: Annotated[float, Field(ge=0.001, le=1e6)] = 0.1,
    beta: Annotated[float, Field(ge=0.01, le=100)] = 0.1,
    iterations: Annotated[int, Field(ge=1, le=2000)] = 50,
) -> Array:
    """The mean cosine under the plan."""
    similarities, plans, _ = summary(
        query, rows, mask, checkpoint, relaxation=relaxation, beta=beta, iterations=iterations
    )
    return np.asarray((plans * similarities).sum(axis=(1, 2)))


def summary(
    query: Array,
    rows: Array,
    mask: Array,
    checkpoint: Checkpoint,
    *,
    relaxation: float,
    beta: float,
    iterations: int,
) -> Alignments:
    """The transport plan: how much of each row of the query goes to each row of the candidate."""
    similarities = cosines(query, rows)
    plans = relaxed_transport(
        1.0 - similarities,
        mask,
        relaxation=relaxation,
        beta=beta,
        iterations=iterations,
        checkpoint=checkpoint,
    )
    return Alignments(similarities, plans, is_plan=True)


def relaxed_transport(
    costs: Array,
    mask: Array,
    *,
    relaxation: float,
    beta: float,
    iterations: int,
    checkpoint: Checkpoint = lambda: None,
) -> Array:
    """Plans `[candidates, m, n]` for costs of that shape, in 0..2; each of the m rows sums to 1 / m.

    Costs of at most 2 and a beta of at least 0.01 keep the kernel above exp(-200), so sums of a row that has
    mass stay far inside the range of float64, and no logarithms are needed.
    """
    rows = costs.shape[1]
    columns = mask.sum(axis=1)[:, None]
    damping = relaxation / (relaxation + beta)  # 1 where the second marginal holds, 0 where it is free
    kernel = costs / -beta
    np.exp(kernel, out=kernel)
    kernel *= mask[:, None, :]
    plans = np.ones_like(costs) * mask[:, None, :]
    delta = np.full(costs.shape[:2], 1.0 / rows)
    for _ in range(iterations):
        checkpoint()
        plans *= kernel  # in place, as all that follows: a plan may be large
        received = np.maximum(np.einsum("bmn,bm->bn", plans, delta), SMALLEST)
        sigma = mask * (columns * received) ** -damping
        delta = 1.0 / (rows * np.maximum(np.einsum("bmn,bn->bm", plans, sigma), SMALLEST))
        plans *= delta[:, :, None]
        plans *= sigma[:, None, :]
    return plans
