"""What is trained with a feature table: its vectors and a network that predicts a click from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from tieback.training.loop import UNKEPT, Attempt, History, Plan, train
from tieback_contract.arrays import Array
from torch import Tensor, nn


class Examples(NamedTuple):
    """Rows of the table `[n, lookups]`, and whether it was clicked `[n]`, 0 or 1."""

    rows: Array
    labels: Array


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows of the table and their width, and the units of the hidden layer."""

    size: int
    width: int
    hidden: int


class ClickModel(nn.Module):
    """A table of vectors, and one hidden layer over those that are looked up."""

    def __init__(self, shape: Shape, lookups: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.1 * torch.randn(shape.size, shape.width))
        self.first = nn.Linear(lookups * shape.width, shape.hidden)
        self.second = nn.Linear(shape.hidden, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """Logits `[n]` of rows `[n, lookups]`."""
        vectors = self.table[rows].flatten(start_dim=1)
        found: Tensor = self.second(torch.relu(self.first(vectors)))[:, 0]
        return found

    def cosines(self, features: Sequence[int]) -> float:
        """How alike the first layer's weights are for lookups of two features: the mean of |cosine|.

        `features` has the number of each lookup's feature. The weights of a hidden unit for a lookup are a
        vector; the mean is over hidden units and pairs of lookups.
        """
        weights = self.first.weight.detach().reshape(len(self.first.weight), len(features), -1)
        units = nn.functional.normalize(weights, dim=2)
        pairs = [(a, b) for a, b in combinations(range(len(features)), 2) if features[a] != features[b]]
        found = [(units[:, a] * units[:, b]).sum(dim=1).abs().mean() for a, b in pairs]
        return float(torch.stack(found).mean()) if found else 0.0


class Fitted(NamedTuple):
    """A model, how its training went, and the cosines of its weights before and after it."""

    model: ClickModel
    history: History
    cosines: tuple[float, float]


def fitted(
    training: Examples,
    validation: Examples,
    shape: Shape,
    features: Sequence[int],
    plan: Plan,
    attempt: Attempt = UNKEPT,
    *,
    batch: int,
) -> Fitted:
    """The model that separates the clicks of the validation best; `features` as in `ClickModel.cosines`."""
    torch.manual_seed(plan.seed)
    model = ClickModel(shape, len(features))
    before = model.cosines(features)
    rows = torch.from_numpy(training.rows)
    labels = torch.from_numpy(training.labels.astype(np.float32))

    def loss(draw: torch.Generator) -> Tensor:
        chosen = torch.randint(len(rows), (batch,), generator=draw)
        return nn.functional.binary_cross_entropy_with_logits(model(rows[chosen]), labels[chosen])

    def validate() -> float:
        return auc(predicted(model, validation.rows), validation.labels)

    history = train(model, loss, plan, attempt, validate=validate)
    return Fitted(model, history, (before, model.cosines(features)))


@torch.no_grad()
def predicted(model: ClickModel, rows: Array) -> Array:
    """The logits `[n]`."""
    return np.asarray(model(torch.from_numpy(rows)).numpy())


def auc(scores: Array, labels: Array) -> float:
    """The chance that a click has a higher score than another impression; 0.5 where one kind is missing."""
    clicked, others = np.sort(scores[labels > 0]), scores[labels <= 0]
    if not len(clicked) or not len(others):
        return 0.5
    above = len(clicked) - np.searchsorted(clicked, others, side="right")
    level = np.searchsorted(clicked, others, side="right") - np.searchsorted(clicked, others, side="left")
    return float((above + 0.5 * level).mean() / len(clicked))
