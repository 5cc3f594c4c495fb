"""A projector trained so that its outputs have the distribution of the target as a whole.

The second loss of method 60 (MTAM, Qiu et al., 2022, arXiv:2208.06348): L = CE + `strength` · W₂². CE is
InfoNCE with the other anchors as wrong answers and says which vector belongs to which; the squared
2-Wasserstein distance says how far the two clouds are, whoever belongs to whom. Clouds are taken for
Gaussians, where the distance has a closed form (Dowson and Landau, 1982): ‖m − n‖² + tr C + tr D − 2 tr (C½ D
C½)½. It closes the gap between modalities, which InfoNCE alone leaves open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


@projections.method
def wasserstein(vectors: Array, state: State) -> Array:
    """normalise(V W + c + max(V U + a, 0) S)."""
    return project(vectors, state)


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch."""
    return project_tensor(vectors, state)


def squared_distance(one: Tensor, other: Tensor) -> Tensor:
    """W₂² of the Gaussians of rows `[n, d]` and `[m, d]`, in squared units of the rows; differentiable.

    tr (C½ D C½)½ is the sum of the singular values of X Yᵀ / √(n m) for centred rows X and Y, so no root of a
    covariance is taken, which has no gradient where one is singular.
    """
    import torch

    gap = one.mean(dim=0) - other.mean(dim=0)
    left, right = one - one.mean(dim=0), other - other.mean(dim=0)
    spread = (left**2).sum() / len(left) + (right**2).sum() / len(right)
    # X Yᵀ has the singular values of X R for the triangle R of Y = Q Rᵀ: as wide as the vectors, not as many.
    triangle = torch.linalg.qr(right)[1]
    shared = torch.linalg.matrix_norm(left @ triangle.T, "nuc") / (len(left) * len(right)) ** 0.5
    distance: Tensor = gap @ gap + spread - 2 * shared
    return distance


def fit(
    source: Array,
    target: Array,
    *,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
    strength: NotNegative = 10.0,
    temperature: Positive = 0.05,
    hidden: Count = 128,
    steps: Steps = 150,
    rate: Positive = 1e-3,
) -> State:
    """The trained projector."""
    import torch

    rows = torch.from_numpy(target)

    def loss(projected: Tensor, places: Tensor) -> Tensor:
        wanted = rows[places]
        entropy = contrastive(projected, wanted, same_targets(wanted), temperature)
        return entropy + strength * squared_distance(projected, wanted)

    return train(source, target, loss, hidden=hidden, steps=steps, rate=rate, seed=seed, progress=progress)


def least_anchors(source_width: int, target_width: int) -> int:  # noqa: ARG001 - a cloud of any width
    """Three: two make a line of any cloud, and a pair of wrong answers is none."""
    return 3
