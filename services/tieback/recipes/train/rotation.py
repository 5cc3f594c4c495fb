"""A rotation, learned so that leading dimensions have the neighbours that all dimensions have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import normalize

from tieback.training.loop import (
    Attempt,
    History,
    Plan,
    batch,
    neighbour_distillation,
    neighbours,
    train,
)
from tieback.training.rotation import Rotation

NEAREST = 10
"""So many neighbours are counted where a prefix is held against all dimensions."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The prefixes that are trained, the rows in a batch, and how near a neighbour has to be to count."""

    widths: tuple[int, ...]
    rows: int
    temperature: float


def principal_directions(rows: Array) -> Array:
    """The orthogonal `[d, d]` that puts the directions in which `rows` `[n, d]` reach farthest first.

    Where dimensions are cut, no other has a smaller squared error of the rows' products (Eckart and Young,
    1936).
    """
    values, vectors = np.linalg.eigh(rows.astype(np.float64).T @ rows)
    return np.ascontiguousarray(vectors[:, np.argsort(-values, kind="stable")], np.float32)


def learn_rotation(
    rows: Array,
    validation: Array,
    choices: Choices,
    plan: Plan,
    attempt: Attempt,
) -> tuple[Array, History]:
    """The rotation `[d, d]` for unit `rows` `[n, d]`, and how it was found; `validation` `[m, d]` chooses."""
    teacher, rotation = torch.tensor(rows), Rotation(principal_directions(rows))

    def loss(draw: torch.Generator) -> Tensor:
        seen = teacher[batch(len(teacher), choices.rows, draw)]
        wanted, turned = neighbours(seen, temperature=choices.temperature), seen @ rotation()
        losses = [
            neighbour_distillation(neighbours(turned[:, :width], temperature=choices.temperature), wanted)
            for width in choices.widths
        ]
        return torch.stack(losses).sum()

    def validate() -> float:
        matrix = rotation().numpy()
        return float(np.mean(list(kept_neighbours(validation, matrix, choices.widths).values())))

    history = train(rotation, loss, plan, attempt, validate=validate)
    with torch.no_grad():
        return np.ascontiguousarray(rotation().numpy(), np.float32), history


def kept_neighbours(rows: Array, head: Array, widths: Sequence[int]) -> dict[int, float]:
    """By width, the share of each row's NEAREST neighbours that its prefix behind `head` has too."""
    full, turned = torch.tensor(rows), torch.tensor(rows) @ torch.tensor(head)
    count = min(NEAREST, len(rows) - 1)
    wanted = _nearest(full, count)
    found = {}
    for width in widths:
        nearest = _nearest(normalize(turned[:, :width], dim=1), count)
        found[width] = float((wanted[:, :, None] == nearest[:, None, :]).any(dim=2).float().mean())
    return found


def _nearest(rows: Tensor, count: int) -> Tensor:
    """The places `[n, count]` of each row's nearest others."""
    cosines = rows @ rows.T
    return cosines.fill_diagonal_(-torch.inf).topk(count, dim=1).indices
