"""Trains the router of one modality by both of OmniBind's objectives (arXiv:2407.11895).

Alignment: an input's partner is to be nearer than the partners of others (InfoNCE, both ways) when every
block's cosine counts by its weight. Decoupling is the platform's, which trains by it alone
(`recipes/fitting/router_training.py`). Blocks and parts of the input are dropped in training, so that the
weights of those that remain are good when a space is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath, at
from torch import Tensor
from torch.nn import functional

from tieback.core.errors import InvalidInput
from tieback.recipes.fitting.router_training import (
    BATCH,
    DROPOUT,
    LEARNING_RATE,
    SHARPNESS,
    WEIGHT_DECAY,
    Labelled,
    decoupled,
    folded,
    kept,
    network,
    tensor,
    without_parts,
)
from tieback.training.loop import Plan, Progress, batch, train

TEMPERATURE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Inputs of the router's modality with partners of another, n of each.

    `inputs` `[n, d]` are what the router sees. `queries` and `documents` hold, per block, unit rows
    `[n, width of the block]`; a row of zeros is a missing block. Items of one `groups` number
    `[n]` are never separated: two captions of one photo, two photos of one thing.
    """

    inputs: Array
    queries: Sequence[Array]
    documents: Sequence[Array]
    groups: Array | None = None


def train_router(
    pairs: Sequence[Pairs],
    labelled: Labelled | None = None,
    *,
    alignment: float = 1.0,
    decoupling: float = 1.0,
    dropout: float = DROPOUT,
    parts: Sequence[int] = (),
    steps: int = 300,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> dict[str, Array]:
    """The state of `methods.routing._network.scores`.

    `alignment` and `decoupling` weight the objectives; 0 switches one off. `parts` are the widths of the
    vectors that stand side by side in an input, and each of them, like each block, is left out at the rate
    `dropout`. InvalidInput where the arrays do not go together, or there is nothing to learn from.
    """
    width, blocks = _check(pairs, labelled, parts, alignment, decoupling)
    made = network(width, blocks, seed)
    used = [_tensors(one) for one in pairs] if alignment else []
    examples = labelled.tensors if decoupling and labelled is not None else None
    widths = list(parts) or [width]

    def loss(draw: torch.Generator) -> Tensor:
        losses = []
        for one in used:
            rows = batch(len(one.inputs), BATCH, draw)
            logits = made(without_parts(one.inputs[rows], widths, dropout, draw))
            losses.append(alignment / len(used) * _alignment(one, rows, logits, dropout, draw))
        if examples is not None:
            rows = batch(len(examples[0]), BATCH, draw)
            logits = made(without_parts(examples[0][rows], widths, dropout, draw))
            losses.append(decoupling * decoupled(logits, examples[1][rows], SHARPNESS))
        return torch.stack(losses).sum()

    train(made, loss, Plan(steps, LEARNING_RATE, WEIGHT_DECAY, seed=seed), progress=progress)
    inputs = [one.inputs for one in used] + ([examples[0]] if examples is not None else [])
    return folded(made, torch.cat(inputs))


@dataclass(frozen=True, slots=True, eq=False)
class _Tensors:
    inputs: Tensor
    queries: list[Tensor]
    documents: list[Tensor]
    present: Tensor
    groups: Tensor


def _tensors(pairs: Pairs) -> _Tensors:
    queries = [tensor(block) for block in pairs.queries]
    groups = np.arange(len(pairs.inputs)) if pairs.groups is None else pairs.groups
    return _Tensors(
        tensor(pairs.inputs),
        queries,
        [tensor(block) for block in pairs.documents],
        torch.stack([block.any(dim=1) for block in queries], dim=1),
        torch.as_tensor(np.asarray(groups)),
    )


def _alignment(
    pairs: _Tensors,
    rows: Tensor,
    logits: Tensor,
    dropout: float,
    draw: torch.Generator,
) -> Tensor:
    present = kept(pairs.present[rows], dropout, draw)
    weights = (SHARPNESS * logits.sigmoid()).masked_fill(~present, -torch.inf).softmax(dim=1)
    cosines = [
        query[rows] @ document[rows].T for query, document in zip(pairs.queries, pairs.documents, strict=True)
    ]
    similar = (weights.T[:, :, None] * torch.stack(cosines)).sum(dim=0) / TEMPERATURE
    groups = pairs.groups[rows]
    alike = (groups[:, None] == groups) & ~torch.eye(len(rows), dtype=torch.bool)
    similar = similar.masked_fill(alike, -torch.inf)
    right = torch.arange(len(rows))
    return (functional.cross_entropy(similar, right) + functional.cross_entropy(similar.T, right)) / 2


def _check(
    pairs: Sequence[Pairs],
    labelled: Labelled | None,
    parts: Sequence[int],
    alignment: float,
    decoupling: float,
) -> tuple[int, int]:
    """The width of an input and the number of blocks."""
    learns = (bool(pairs) and alignment > 0) or (labelled is not None and decoupling > 0)
    if not learns or min(alignment, decoupling) < 0:
        raise InvalidInput(
            "a router learns from pairs, from labelled inputs or from both, by objectives whose weights "
            f"are not negative; there are {len(pairs)} sets of pairs and "
            f"{0 if labelled is None else 1} of labelled inputs; the weights are {alignment}, {decoupling}",
            field="pairs",
        )
    shapes: set[tuple[int, int]] = set()
    for number, one in enumerate(pairs):
        _check_pairs(one, at("pairs", number))
        shapes.add((one.inputs.shape[1], len(one.queries)))
    if labelled is not None:
        labelled.check(parts)
        shapes.add((labelled.inputs.shape[1], labelled.targets.shape[1]))
    if len(shapes) > 1:
        given = " and ".join(f"inputs {width} wide with {blocks} blocks" for width, blocks in sorted(shapes))
        raise InvalidInput(f"one router cannot learn from {given}", field="pairs")
    width, blocks = shapes.pop()
    if parts and sum(parts) != width:
        raise InvalidInput(f"the parts {tuple(parts)} do not sum to the inputs' width {width}", field="parts")
    return width, blocks


def _check_pairs(pairs: Pairs, field: FieldPath) -> None:
    count = len(pairs.inputs)
    sides = (*pairs.queries, *pairs.documents, *(() if pairs.groups is None else (pairs.groups,)))
    if count < 2 or any(len(one) != count for one in sides):
        raise InvalidInput(
            f"pairs are two or more, with a row in each array, not {count} and {[len(one) for one in sides]}",
            field=field,
        )
    widths = [[block.shape[1] for block in side] for side in (pairs.queries, pairs.documents)]
    if widths[0] != widths[1] or not widths[0]:
        raise InvalidInput(
            f"queries and documents need the same blocks; their widths are {widths[0]} and {widths[1]}",
            field=field,
        )
    for array in (pairs.inputs, *pairs.queries, *pairs.documents):
        _check_finite(array, field)
    spoken = np.any([np.any(block, axis=1) for block in pairs.queries], axis=0)
    if not spoken.all():
        raise InvalidInput(f"query {int(np.flatnonzero(~spoken)[0])} has no block", field=field)


def _check_finite(array: Array, field: FieldPath) -> None:
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise InvalidInput(f"row {row} holds NaN or infinity", field=field)
