"""A projector trained to have high canonical correlations with the target.

The first loss of method 60 (MTAM, Qiu et al., 2022, arXiv:2208.06348): L = CE − `strength` · Σ canonical
correlations. CE is InfoNCE with the other anchors as wrong answers; the correlations are between the
projected and the target anchors, within the target's first principal components. This is deep CCA (Andrew et
al., 2013) with a network on one side: the target's vectors are served as they are, and any linear map of them
is part of the correlation already. For linear projectors and the correlations alone the optimum has a closed
form, and `cca_affine` is it; with CE beside them, or with a hidden layer, there is none, so this one is
trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tieback.core.state import State
from tieback.methods.projection import Count, NotNegative, Positive, Progress, Tensors, projections
from tieback_contract.arrays import Array

from tieback_lab.methods.projection._trained import (
    STATE,
    Steps,
    contrastive,
    project,
    project_tensor,
    same_targets,
    train,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["STATE"]  # read by the family

ROWS_PER_DIMENSION = 4
"""With fewer, correlations are high by chance."""


@projections.method
def correlation(vectors: Array, state: State) -> Array:
    """normalise(V W + c + max(V U + a, 0) S)."""
    return project(vectors, state)


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch."""
    return project_tensor(vectors, state)


def canonical_correlations(one: Tensor, other: Tensor, *, ridge: float = 1e-3) -> Tensor:
    """The canonical correlations `[min(p, q)]`, largest first, of rows `[n, p]` and `[n, q]`; differentiable.

    `ridge` is in units of a side's mean variance by dimension.
    """
    import torch

    sides, roots = [], []
    for rows in (one, other):
        centred = rows - rows.mean(dim=0)
        covariance = centred.T @ centred / (len(rows) - 1)
        width = len(covariance)
        # The least variance: a side that has collapsed has correlations of 0, not of 0/0.
        shrunk = covariance + (ridge * covariance.trace() / width + 1e-12) * torch.eye(width)
        roots.append(torch.linalg.cholesky(shrunk))
        sides.append(centred)
    cross = sides[0].T @ sides[1] / (len(one) - 1)
    half = torch.linalg.solve_triangular(roots[0], cross, upper=False)
    found: Tensor = torch.linalg.svdvals(torch.linalg.solve_triangular(roots[1], half.T, upper=False))
    return found


def fit(
    source: Array,
    target: Array,
    *,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
    dimensions: Count = 20,
    strength: NotNegative = 1.0,
    temperature: Positive = 0.05,
    hidden: Count = 128,
    steps: Steps = 150,
    rate: Positive = 1e-3,
) -> State:
    """The trained projector; the correlations are of `dimensions`, or of a quarter as many as anchors."""
    import torch

    kept = min(dimensions, target.shape[1], len(target) // ROWS_PER_DIMENSION)
    axes = np.linalg.svd(target - target.mean(axis=0), full_matrices=False)[2][:kept].T
    basis, rows = torch.from_numpy(axes.copy()), torch.from_numpy(target)

    def loss(projected: Tensor, places: Tensor) -> Tensor:
        wanted = rows[places]
        entropy = contrastive(projected, wanted, same_targets(wanted), temperature)
        return entropy - strength * canonical_correlations(projected @ basis, wanted @ basis).sum()

    return train(source, target, loss, hidden=hidden, steps=steps, rate=rate, seed=seed, progress=progress)


def least_anchors(source_width: int, target_width: int) -> int:  # noqa: ARG001 - so many for one dimension
    """Eight: four for each of two dimensions; a correlation of fewer is not meaningful."""
    return 2 * ROWS_PER_DIMENSION
