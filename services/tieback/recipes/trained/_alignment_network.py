"""The network of `methods/grounding/token_alignment.py` in PyTorch, and how it is learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from tieback.core.types.arrays import Array
from tieback.methods.grounding._signals import SIGNALS
from tieback.methods.grounding.token_alignment import FAR, NEARNESS_OF_EVIDENCE, Inputs
from tieback.training.loop import History, Plan, Progress, train

DROPPED = 0.2
SMOOTHING = 0.05
"""Of the labels: people do not agree on all of them."""
POOL = 8
"""Pairs of so many batches are drawn at once, and batches made of like lengths: less is padding."""
SHARPNESS = 12.0
PREDICTED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Choices:
    """The sizes of the network, and how many pairs a step takes."""

    hidden: int
    decision: int
    batch: int


class AlignmentNetwork(nn.Module):
    """Its parameters have the names of the method's state."""

    def __init__(self, width: int, choices: Choices) -> None:
        super().__init__()
        hidden = choices.hidden
        self.project = nn.Linear(width, hidden)
        self.compare = nn.ModuleList([nn.Linear(4 * hidden + 2, hidden), nn.Linear(hidden, hidden)])
        read = 4 * hidden + len(SIGNALS)
        self.decide = nn.ModuleList([nn.Linear(read, choices.decision), nn.Linear(choices.decision, 3)])
        self.sharpness = nn.Parameter(torch.tensor([SHARPNESS]))
        self.drop = nn.Dropout(DROPPED)

    def forward(self, claim: Tensor, passage: Tensor, signals: Tensor) -> Tensor:
        """Logits `[n, 3]` of rows `[n, tokens, width]`, padded by zeros, and standardised signals."""
        is_claim, is_passage = claim.any(dim=-1), passage.any(dim=-1)
        a, b = self.project(claim), self.project(passage)
        cosines = claim @ passage.transpose(1, 2)
        of_claim = self._compared(a, b, cosines.masked_fill(~is_passage[:, None], FAR))
        of_passage = self._compared(b, a, cosines.transpose(1, 2).masked_fill(~is_claim[:, None], FAR))
        nearest = cosines.masked_fill(~is_claim[:, :, None], FAR).max(dim=1).values
        counted = torch.softmax((NEARNESS_OF_EVIDENCE * nearest).masked_fill(~is_passage, FAR), dim=-1)
        mean = (of_claim * is_claim[..., None]).sum(dim=1) / is_claim.sum(dim=1, keepdim=True).clamp(min=1)
        both = [
            mean,
            of_claim.masked_fill(~is_claim[..., None], FAR).max(dim=1).values,
            (counted[..., None] * of_passage).sum(dim=1),
            of_passage.masked_fill(~is_passage[..., None], FAR).max(dim=1).values,
            signals,
        ]
        decided = relu(self.decide[0](torch.cat(both, dim=-1)))
        logits: Tensor = self.decide[1](self.drop(decided))
        return logits

    def _compared(self, own: Tensor, other: Tensor, cosines: Tensor) -> Tensor:
        aligned = torch.softmax(self.sharpness * cosines, dim=-1) @ other
        best = cosines.max(dim=-1, keepdim=True).values
        pair = [own, aligned, own * aligned, (own - aligned).abs(), best, (1 - best).clamp(min=0) ** 2]
        compared: Tensor = relu(self.compare[1](relu(self.compare[0](self.drop(torch.cat(pair, dim=-1))))))
        return compared


def learn_alignment(
    pairs: Sequence[Inputs],
    labels: Array,
    weights: Array,
    choices: Choices,
    plan: Plan,
    *,
    checkpoint: Path,
    trained_on: str,
    progress: Progress,
) -> tuple[AlignmentNetwork, History]:
    """A network that tells the `labels` `[n]` of pairs, which are drawn by their `weights` `[n]`.

    Signals are standardised. The rate falls to 0, so it has the last weights.
    """
    torch.manual_seed(plan.seed)
    width = pairs[0].claim.shape[1]
    network = AlignmentNetwork(width, choices)
    drawn_by, known = torch.from_numpy(weights), torch.from_numpy(labels)
    lengths = torch.tensor([len(one.passage) for one in pairs])
    waiting: list[Tensor] = []

    def loss(generator: torch.Generator) -> Tensor:
        if not waiting:
            drawn = torch.multinomial(drawn_by, POOL * choices.batch, replacement=True, generator=generator)
            alike = torch.split(drawn[torch.argsort(lengths[drawn])], choices.batch)
            waiting.extend(alike[place] for place in torch.randperm(POOL, generator=generator).tolist())
        chosen = waiting.pop()
        logits = network(*padded(pairs[place] for place in chosen.tolist()))
        return cross_entropy(logits, known[chosen], label_smoothing=SMOOTHING)

    history = train(
        network,
        loss,
        plan,
        checkpoint=checkpoint,
        trained_on=trained_on,
        progress=progress,
    )
    return network, history


def predicted(network: AlignmentNetwork, pairs: Sequence[Inputs]) -> Array:
    """Probabilities `[n, 3]`."""
    was_training = network.training
    network.eval()
    order = sorted(range(len(pairs)), key=lambda place: len(pairs[place].passage))
    found = np.zeros((len(pairs), 3), np.float32)
    with torch.inference_mode():
        for begin in range(0, len(order), PREDICTED_AT_ONCE):
            some = order[begin : begin + PREDICTED_AT_ONCE]
            logits = network(*padded(pairs[place] for place in some))
            found[some] = torch.softmax(logits, dim=-1).numpy()
    network.train(was_training)
    return found


def padded(pairs: Iterable[Inputs]) -> tuple[Tensor, Tensor, Tensor]:
    """Claims, passages and signals of a batch, with rows of zeros behind the shorter ones."""
    listed = list(pairs)
    signals = torch.from_numpy(np.stack([one.signals for one in listed]))
    return _rows([one.claim for one in listed]), _rows([one.passage for one in listed]), signals


def _rows(given: Sequence[Array]) -> Tensor:
    longest = max(1, *map(len, given))
    rows = np.zeros((len(given), longest, given[0].shape[1]), np.float32)
    for place, one in enumerate(given):
        rows[place, : len(one)] = one
    return torch.from_numpy(rows)
