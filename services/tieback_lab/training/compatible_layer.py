"""What compatible training trains behind an encoder that stays as it is, and by what it does so.

The layer is f V + c + max(f U + a, 0) S. It starts as an affine map, with S = 0. Cross entropies compare its
vectors with rows: the mean of each class, learned rows of a classifier, or, without classes, the row of each
content itself beside those of the others in its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from tieback.core.state import State
from tieback.training import loop
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

VALIDATION = 0.1
"""Share of the anchors that chooses among the steps of the training."""

Rows = Callable[[Tensor], tuple[Tensor, Tensor]]
"""For contents at places `[b]`: unit rows `[rows, width]`, and which of them is right for each `[b]`."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Places of anchors: to learn from, and to choose among the steps by."""

    learned: Tensor
    validation: Tensor

    @classmethod
    def of(cls, count: int, seed: int) -> Parts:
        """A share of `VALIDATION`, two at least, is not learned from."""
        order = np.random.default_rng(seed).permutation(count)
        held = max(2, round(VALIDATION * count))
        learned, validation = (torch.from_numpy(np.sort(part)) for part in (order[held:], order[:held]))
        return cls(learned, validation)


class Layer(torch.nn.Module):
    """The layer, from a matrix `[source, target]` and an offset `[target]`."""

    def __init__(self, matrix: Array, offset: Array, hidden: int, draws: torch.Generator) -> None:
        super().__init__()
        source, target = matrix.shape
        self.map = torch.nn.Parameter(torch.from_numpy(matrix.copy()))
        self.offset = torch.nn.Parameter(torch.from_numpy(offset.copy()))
        # Unit rows have entries of 1/√width; entries of 1 here give the hidden units a variance of 1.
        self.first = torch.nn.Parameter(torch.randn(source, hidden, generator=draws))
        self.bias = torch.nn.Parameter(torch.zeros(hidden))
        self.second = torch.nn.Parameter(torch.zeros(hidden, target))

    def forward(self, rows: Tensor) -> Tensor:
        """Rows `[n, target]` of any length."""
        inner = torch.relu(rows @ self.first + self.bias)
        return rows @ self.map + self.offset + inner @ self.second

    def state(self, prefix: str = "") -> State:
        """Its arrays, by the names of the schema that projectors share."""
        return {prefix + name: one.detach().numpy().copy() for name, one in self.named_parameters()}


class Classifier(torch.nn.Module):
    """A row for each class, which is learned."""

    def __init__(self, classes: Array, width: int, draws: torch.Generator) -> None:
        super().__init__()
        self._classes = torch.from_numpy(classes)
        self.rows = torch.nn.Parameter(torch.randn(int(classes.max()) + 1, width, generator=draws))

    def forward(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """As `Rows`."""
        return normalize(self.rows, dim=1), self._classes[places]


def fixed(rows: Array, classes: Array) -> Rows:
    """A row for each class, which stays."""
    kept, right = torch.from_numpy(rows), torch.from_numpy(classes)
    return lambda places: (kept, right[places])


def prototypes(vectors: Array, classes: Array | None) -> Rows:
    """The mean of each class; without classes each content's own."""
    if classes is not None:
        return fixed(class_means(vectors, classes), classes)
    own = torch.from_numpy(vectors)
    return lambda places: (own[places], torch.arange(len(places)))


def class_means(vectors: Array, classes: Array) -> Array:
    """Unit rows `[classes, width]`."""
    middles = np.stack([vectors[classes == one].mean(axis=0) for one in range(int(classes.max()) + 1)])
    return np.asarray(middles / np.linalg.norm(middles, axis=1, keepdims=True), np.float32)


def recognised(vectors: Tensor, rows: Rows, places: Tensor, temperature: float) -> Tensor:
    """The cross entropy, in nats, of unit `vectors` `[b, width]` of the contents at these places."""
    known, right = rows(places)
    return cross_entropy(vectors @ known.T / temperature, right)


def learn(
    module: torch.nn.Module,
    loss: Callable[[Tensor], Tensor],
    parts: Parts,
    plan: loop.Plan,
    attempt: loop.Attempt,
    *,
    batch: int,
) -> None:
    """Trains the module in place by the loss of contents at places, until validation says that it is best."""
    loop.train(
        module,
        lambda draw: loss(parts.learned[loop.batch(len(parts.learned), batch, draw)]),
        plan,
        attempt,
        validate=lambda: -float(loss(parts.validation)),
    )
