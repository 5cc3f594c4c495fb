"""A learned mask over the parameters in which experts merge with less interference (Concrete subspaces).

"Concrete Subspace Learning based Interference Elimination for Multi-task Model Fusion" (Tang et al., 2023,
arXiv:2312.06173). One mask for all experts, a relaxed Bernoulli variable for each parameter, is trained by a
loss that needs no labels: the entropy of predictions, summed over the tasks. Each tensor of the mask is
divided by its mean. A mask of ones is task arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.methods.merging import Scale, Weights, mergings, summed, task_vectors, with_task_vectors


@mergings.method
def concrete(base: Weights, experts: Sequence[Weights], *, scale: Scale = 0.3) -> Weights:
    """`base + scale Σ (expert - base)`: what the mask is before it has learned anything."""
    return with_task_vectors(base, experts, scale)


def learn(
    base: Weights,
    experts: Sequence[Weights],
    objective: Callable[[Mapping[str, Any], int], Any],
    *,
    seed: int,
    scale: Scale = 0.3,
    temperature: Annotated[float, Field(gt=0, le=10)] = 0.5,
    steps: Annotated[int, Field(ge=1, le=100_000)] = 2000,
    rate: Annotated[float, Field(gt=0, le=10)] = 1e-3,
) -> Weights:
    """The base with the masked sum of the task vectors, after `steps` of Adam over the mask's logits.

    While it learns, masks are drawn; what is returned has the mask that is likeliest, `sigmoid(x /
    temperature)`.
    """
    import torch

    total = summed(task_vectors(base, experts))
    start = {name: torch.from_numpy(array) for name, array in base.items()}
    change = {name: torch.from_numpy(array) for name, array in total.items()}
    logits = {name: torch.zeros_like(array, requires_grad=True) for name, array in change.items()}
    optimiser = torch.optim.Adam(logits.values(), lr=rate)
    draw = torch.Generator().manual_seed(seed)

    def found(noise: torch.Generator | None) -> dict[str, Any]:
        return {
            name: start[name] + scale * drawn_mask(logit, temperature, noise) * change[name]
            for name, logit in logits.items()
        }

    for step in range(steps):
        optimiser.zero_grad()
        objective(found(draw), step).backward()
        optimiser.step()
    with torch.no_grad():
        return {name: np.asarray(array, np.float32) for name, array in found(None).items()}


def drawn_mask(logits: Any, temperature: float, draw: Any) -> Any:
    """A mask of a mean of 1, of the shape of its logits, as tensors. Without a generator, the likeliest."""
    import torch

    if draw is not None:
        uniform = torch.rand(logits.shape, generator=draw).clamp(1e-6, 1 - 1e-6)
        logits = logits + torch.logit(uniform)
    mask = torch.sigmoid(logits / temperature)
    return mask / mask.mean()
