"""A learned factor for each task vector and tensor (aTLAS).

"Knowledge Composition using Task Vectors with Learned Anisotropic Scaling" (Zhang et al., 2024,
arXiv:2407.02880): `base + Σ_t Λ[t, b] (expert_t - base)` for each tensor b. Only Λ is trained, from 0, by a
loss on a few examples or by the entropy of predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.methods.merging import Scale, Weights, mergings, task_vectors
from tieback_contract.arrays import Array
from tieback_contract.field_path import at


@mergings.method
def anisotropic(
    base: Weights, experts: Sequence[Weights], *, scales: tuple[tuple[Scale, ...], ...] = ()
) -> Weights:
    """`scales`, which `learned_scales` learns, has a row for each expert and a number for each tensor, sorted
    by name.
    """
    names = sorted(base)
    shape = (len(experts), len(names))
    factors = np.array(scales, np.float32)
    if factors.shape != shape:
        raise InvalidInput(
            f"scales are {list(factors.shape)}; {len(experts)} experts of {len(names)} tensors need "
            f"{list(shape)}",
            field=at("parameters", "scales"),
        )
    return scaled(base, task_vectors(base, experts), factors)


def learn(
    base: Weights,
    experts: Sequence[Weights],
    objective: Callable[[Mapping[str, Any], int], Any],
    *,
    steps: Annotated[int, Field(ge=1, le=100_000)] = 100,
    rate: Annotated[float, Field(gt=0, le=10)] = 0.01,
    isotropic: bool = False,
) -> Weights:
    """The weights after `steps` of AdamW. `isotropic` has one factor for all tensors of a task vector."""
    return scaled(
        base,
        task_vectors(base, experts),
        learned_scales(base, experts, objective, steps=steps, rate=rate, isotropic=isotropic),
    )


def learned_scales(
    base: Weights,
    experts: Sequence[Weights],
    objective: Callable[[Mapping[str, Any], int], Any],
    *,
    steps: int = 100,
    rate: float = 0.01,
    isotropic: bool = False,
) -> Array:
    """Λ `[experts, tensors]`, tensors sorted by name."""
    import torch

    names = sorted(base)
    start = {name: torch.from_numpy(base[name]) for name in names}
    vectors = {
        name: torch.stack([torch.from_numpy(one[name]) for one in task_vectors(base, experts)])
        for name in names
    }
    factors = torch.zeros(len(experts), 1 if isotropic else len(names), requires_grad=True)
    optimiser = torch.optim.AdamW([factors], lr=rate, weight_decay=0.0)
    for step in range(steps):
        each = factors.expand(-1, len(names))
        weights = {
            name: start[name] + torch.tensordot(each[:, place], vectors[name], 1)
            for place, name in enumerate(names)
        }
        optimiser.zero_grad()
        objective(weights, step).backward()
        optimiser.step()
    return np.array(factors.detach().expand(-1, len(names)), np.float32)


def scaled(base: Weights, vectors: Sequence[Weights], factors: Array) -> dict[str, Array]:
    """The base with each task vector, each tensor times its factor of `[experts, tensors]`."""
    merged = {name: np.array(array, np.float32) for name, array in base.items()}
    for row, vector in zip(factors, vectors, strict=True):
        for factor, name in zip(row, sorted(merged), strict=True):
            merged[name] += np.float32(factor) * vector[name]
    return merged
