"""A projector of two layers that is trained on anchors: what the methods with a loss of their own share.

f(v) = v W + c + max(v U + a, 0) S. It starts as the ridge regression of `affine` with S = 0, and a loss moves
it from there, so that few steps suffice and a loss that says nothing does no harm. Torch trains it; NumPy
applies it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.core.state import State
from tieback.methods.projection import Progress, Tensors, affine, unit_rows, unit_tensor
from tieback_contract.arrays import Array

if TYPE_CHECKING:
    from torch import Tensor

STATE = {
    "map": ("source", "target"),
    "offset": ("target",),
    "first": ("source", "hidden"),
    "bias": ("hidden",),
    "second": ("hidden", "target"),
}

Steps = Annotated[int, Field(ge=0)]

BATCH = 1024
SAME = 1 - 1e-4
"""Targets of a larger cosine are one target: a caption of two photos is no wrong answer to either."""

Loss = Callable[["Tensor", "Tensor"], "Tensor"]
"""From unit rows `[batch, d2]` that were projected, and the anchors' places `[batch]`, to a number."""


def project(vectors: Array, state: State) -> Array:
    """normalise(f(V))."""
    hidden = np.maximum(vectors @ state["first"] + state["bias"], 0)
    return unit_rows(vectors @ state["map"] + state["offset"] + hidden @ state["second"])


def project_tensor(vectors: Tensor, state: Tensors) -> Tensor:
    """`project` in torch."""
    hidden = (vectors @ state["first"] + state["bias"]).relu()
    return unit_tensor(vectors @ state["map"] + state["offset"] + hidden @ state["second"])


def train(
    source: Array,
    target: Array,
    loss: Loss,
    *,
    hidden: int,
    steps: int,
    rate: float,
    seed: int,
    progress: Progress,
) -> State:
    """The projector after `steps` of AdamW on batches of up to BATCH anchors; one batch where all fit in.

    `target` is what it starts towards. The loss and its tensors are the caller's.
    """
    import torch
    from torch.nn.functional import normalize

    draws = torch.Generator().manual_seed(seed)
    start = affine.fit(source, target)
    width = source.shape[1]
    weights: dict[str, Any] = {
        "map": torch.from_numpy(start["map"].copy()),
        "offset": torch.from_numpy(start["offset"].copy()),
        # Unit rows have entries of 1/√width; entries of 1 here give the hidden units a variance of 1.
        "first": torch.randn(width, hidden, generator=draws),
        "bias": torch.zeros(hidden),
        "second": torch.zeros(hidden, target.shape[1]),
    }
    for tensor in weights.values():
        tensor.requires_grad_()
    optimiser = torch.optim.AdamW(weights.values(), lr=rate, weight_decay=0.01)
    rows = torch.from_numpy(np.ascontiguousarray(source, np.float32))
    for step in range(steps):
        places = torch.randperm(len(rows), generator=draws)[:BATCH]
        given = rows[places]
        inner = torch.relu(given @ weights["first"] + weights["bias"])
        projected = given @ weights["map"] + weights["offset"] + inner @ weights["second"]
        found = loss(normalize(projected, dim=1), places)
        optimiser.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()
        progress((step + 1) / steps, f"loss {found.item():.3f}")
    return {name: tensor.detach().numpy().copy() for name, tensor in weights.items()}


def contrastive(projected: Tensor, target: Tensor, same: Tensor, temperature: float) -> Tensor:
    """InfoNCE in both directions (van den Oord et al., 2018, arXiv:1807.03748), in nats.

    Rows are unit `[n, d2]`; `same` `[n, n]` says which targets are one, and pairs of those are left out as
    wrong answers.
    """
    import torch
    from torch.nn.functional import cross_entropy

    scores = (projected @ target.T / temperature).masked_fill(same, -torch.inf)
    right = torch.arange(len(scores))
    return (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2


def same_targets(target: Tensor) -> Tensor:
    """Which pairs `[n, n]` of different rows are one target."""
    import torch

    return (target @ target.T > SAME) & ~torch.eye(len(target), dtype=torch.bool)
