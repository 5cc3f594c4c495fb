"""Classifiers as weights by name, which are learned, tested and merged as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from tieback.methods.merging import Weights
from torch import Tensor
from torch.nn.functional import cross_entropy

Forward = Callable[[Mapping[str, Tensor], Tensor], Tensor]
"""Weights and inputs `[n, ...]` to logits `[n, classes]`."""
BATCH, RATE = 64, 1e-3


def trained(forward: Forward, start: Weights, x: Tensor, y: Tensor, steps: int, seed: int) -> Weights:
    """Weights after `steps` of Adam from a start."""
    weights = {name: torch.from_numpy(one.copy()).requires_grad_() for name, one in start.items()}
    optimiser = torch.optim.Adam(weights.values(), lr=RATE)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.randint(len(x), (BATCH,), generator=draw)
        optimiser.zero_grad()
        cross_entropy(forward(weights, x[chosen]), y[chosen]).backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()
    return {name: one.detach().numpy() for name, one in weights.items()}


def accuracy(forward: Forward, weights: Weights, x: Tensor, y: Tensor) -> float:
    """In per cent."""
    with torch.no_grad():
        return 100 * float((forward(tensors_of(weights), x).argmax(1) == y).float().mean())


def tensors_of(weights: Weights) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.asarray(one)) for name, one in weights.items()}
