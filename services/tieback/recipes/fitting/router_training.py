"""Trains the router of one modality: from an input's vectors, how far to trust each block (arXiv:2407.11895).

The network is OmniBind's: Linear(→ 512) · BatchNorm · ReLU · Linear(→ 100) · BatchNorm · tanh ·
Linear(→ blocks) · sigmoid, and its weights are softmax(10 · scores). It has OmniBind's two objectives.
Alignment: an input's partner is to be nearer than the partners of others (InfoNCE, both ways) when every
block's cosine counts by its weight. Decoupling: the scores are to be 1, or less where a block is known to be
worth less, in the blocks of what the input is about, and 0 in the rest. The paper leaves its form open. Here
it is the cross-entropy of the weights that these scores make: an input that may be about two things is then
best given the mean of the weights for either. By a cross-entropy of each score it got the mean of the scores,
and so nearly no weight in the blocks of both, as the weights grow with exp(10 · score). Blocks and parts of
the input are dropped in training, so that the weights of those that remain are good when a space is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath, at
from torch import Tensor, nn
from torch.nn import functional

from tieback.core.errors import InvalidInput
from tieback.methods.routing._network import LAYERS
from tieback.training.loop import Plan, Progress, batch, train

FIRST, SECOND = 512, 100
BATCH = 256
WEIGHT_DECAY = 0.01
UNKNOWN = 0.5


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


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """`inputs` `[n, d]` of which is known how far blocks are for them: `targets` `[n, blocks]`, 0 to 1.

    Of blocks that are not in `known` `[blocks]`, which are all without it, the targets give nothing: their
    scores are to be 0.5, which weighs next to nothing.
    """

    inputs: Array
    targets: Array
    known: Array | None = None


def train_router(
    pairs: Sequence[Pairs],
    labelled: Labelled | None = None,
    *,
    alignment: float = 1.0,
    decoupling: float = 1.0,
    sharpness: float = 10.0,
    temperature: float = 0.05,
    dropout: float = 0.2,
    parts: Sequence[int] = (),
    steps: int = 300,
    learning_rate: float = 1e-3,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> dict[str, Array]:
    """The state of `methods.routing._network.scores`.

    `alignment` and `decoupling` weight the objectives; 0 switches one off. `parts` are the widths of the
    vectors that stand side by side in an input, and each of them, like each block, is left out at the rate
    `dropout`. InvalidInput where the arrays do not go together, or there is nothing to learn from.
    """
    width, blocks = _check(pairs, labelled, parts, alignment, decoupling)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(width, blocks)
    used = [_tensors(one) for one in pairs] if alignment else []
    if decoupling and labelled is not None:
        wanted = labelled.targets
        if labelled.known is not None:
            wanted = np.where(labelled.known, wanted, UNKNOWN)
        examples = (_tensor(labelled.inputs), _tensor(wanted))
    else:
        examples = None
    widths = list(parts) or [width]

    def loss(draw: torch.Generator) -> Tensor:
        losses = []
        for one in used:
            rows = batch(len(one.inputs), BATCH, draw)
            logits = network(_without_parts(one.inputs[rows], widths, dropout, draw))
            losses.append(
                alignment / len(used) * _alignment(one, rows, logits, sharpness, temperature, dropout, draw)
            )
        if examples is not None:
            rows = batch(len(examples[0]), BATCH, draw)
            logits = network(_without_parts(examples[0][rows], widths, dropout, draw))
            weights = (sharpness * examples[1][rows]).softmax(dim=1)
            losses.append(decoupling * functional.cross_entropy(sharpness * logits.sigmoid(), weights))
        return torch.stack(losses).sum()

    train(network, loss, Plan(steps, learning_rate, WEIGHT_DECAY, seed=seed), progress=progress)
    inputs = [one.inputs for one in used] + ([examples[0]] if examples is not None else [])
    return _folded(network, torch.cat(inputs))


@dataclass(frozen=True, slots=True, eq=False)
class _Tensors:
    inputs: Tensor
    queries: list[Tensor]
    documents: list[Tensor]
    present: Tensor
    groups: Tensor


def _tensors(pairs: Pairs) -> _Tensors:
    queries = [_tensor(block) for block in pairs.queries]
    groups = np.arange(len(pairs.inputs)) if pairs.groups is None else pairs.groups
    return _Tensors(
        _tensor(pairs.inputs),
        queries,
        [_tensor(block) for block in pairs.documents],
        torch.stack([block.any(dim=1) for block in queries], dim=1),
        torch.as_tensor(np.asarray(groups)),
    )


def _tensor(array: Array) -> Tensor:
    return torch.tensor(np.asarray(array, np.float32))


def _network(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, FIRST),
        nn.BatchNorm1d(FIRST),
        nn.ReLU(),
        nn.Linear(FIRST, SECOND),
        nn.BatchNorm1d(SECOND),
        nn.Tanh(),
        nn.Linear(SECOND, blocks),
    )


def _without_parts(inputs: Tensor, widths: Sequence[int], rate: float, draw: torch.Generator) -> Tensor:
    if len(widths) == 1:
        return inputs  # there is nothing to route by without it
    kept = _kept(torch.ones(len(inputs), len(widths), dtype=torch.bool), rate, draw)
    return inputs * kept.repeat_interleave(torch.tensor(widths), dim=1)


def _kept(there: Tensor, rate: float, draw: torch.Generator) -> Tensor:
    """Which of the things that are there stay, in each row; where all would go, all stay."""
    kept = there & (torch.rand(there.shape, generator=draw) >= rate)
    return torch.where(kept.any(dim=1, keepdim=True), kept, there)


def _alignment(
    pairs: _Tensors,
    rows: Tensor,
    logits: Tensor,
    sharpness: float,
    temperature: float,
    dropout: float,
    draw: torch.Generator,
) -> Tensor:
    present = _kept(pairs.present[rows], dropout, draw)
    weights = (sharpness * logits.sigmoid()).masked_fill(~present, -torch.inf).softmax(dim=1)
    cosines = [
        query[rows] @ document[rows].T for query, document in zip(pairs.queries, pairs.documents, strict=True)
    ]
    similar = (weights.T[:, :, None] * torch.stack(cosines)).sum(dim=0) / temperature
    groups = pairs.groups[rows]
    alike = (groups[:, None] == groups) & ~torch.eye(len(rows), dtype=torch.bool)
    similar = similar.masked_fill(alike, -torch.inf)
    right = torch.arange(len(rows))
    return (functional.cross_entropy(similar, right) + functional.cross_entropy(similar.T, right)) / 2


def _folded(network: nn.Sequential, inputs: Tensor) -> dict[str, Array]:
    """The BatchNorms, as they stand over all inputs, folded into the linear layers."""
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    norms = [layer for layer in network if isinstance(layer, nn.BatchNorm1d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over what is seen, which is all at once
    # The first is settled before the second is looked at, or it would see what the batch's own numbers give.
    with torch.no_grad():
        for norm in norms:
            network.eval()
            norm.train()
            network(inputs)
        network.eval()
        weights: list[Tensor] = [layer.weight.T for layer in linear]
        biases: list[Tensor] = [layer.bias for layer in linear]
        for place, norm in enumerate(norms):
            if norm.running_mean is None or norm.running_var is None:
                raise TypeError("a BatchNorm without statistics cannot be folded")
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            weights[place] = weights[place] * gain
            biases[place] = (biases[place] - norm.running_mean) * gain + norm.bias
    state: dict[str, Array] = {}
    for name, weight, bias in zip(LAYERS, weights, biases, strict=True):
        state[name] = np.ascontiguousarray(weight.detach().numpy(), np.float32)
        state[f"{name}_bias"] = np.ascontiguousarray(bias.detach().numpy(), np.float32)
    return state


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
        if len(labelled.inputs) != len(labelled.targets) or len(labelled.inputs) < 2:
            raise InvalidInput(
                f"{len(labelled.inputs)} inputs have {len(labelled.targets)} targets; give two or more, "
                "with a target each",
                field="labelled",
            )
        _check_finite(labelled.inputs, at("labelled", "inputs"))
        if not ((labelled.targets >= 0) & (labelled.targets <= 1)).all():  # false for NaN too
            raise InvalidInput("a target is 0 to 1 for each block", field=at("labelled", "targets"))
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
