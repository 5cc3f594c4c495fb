"""Triplets as rows of frozen encoders, and the training of a composition of queries on these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from tieback.core.state import State
from tieback.training.loop import Attempt, History, Plan, batch, train
from tieback.training.splits import Split
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import cross_entropy

from tieback_lab.methods.query_composition import sentence_prompt


@dataclass(frozen=True, slots=True, eq=False)
class Triplets:
    """`image` `[n, rows, d]` of the photos, the whole's first; `text` `[n, tokens, t]` with its `mask`.

    `target` `[photos, rows, d]` are what is looked for, and `wanted` `[n]` which of them each triplet means.
    `asking` `[n]` is which of them the photo of the query is, -1 where it is none.
    """

    image: Array
    text: Array
    mask: Array
    target: Array
    wanted: Array
    asking: Array

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True, slots=True)
class Choices:
    """Triplets in a batch, and the paper's temperature, weight of the text loss, and of the alignment."""

    triplets: int = 64
    temperature: float = 0.07
    text: float = 0.8
    alignment: float = 0.4
    sees_photo: bool = True
    sees_words: bool = True


class Composing(torch.nn.Module):
    """The method whose state is trained, and the free prompts that show it what a prompt of the target is."""

    def __init__(self, start: State, seed: int = 0) -> None:
        super().__init__()
        self.state = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(torch.from_numpy(array.copy())) for name, array in start.items()}
        )
        draw = torch.Generator().manual_seed(seed)
        self.free = torch.nn.Parameter(torch.randn(self.state["prompts"].shape, generator=draw))

    def forward(self, image: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Unit rows of the queries `[n, d]`, those of words alone `[n, d]`, and the prompts."""
        state = dict(self.state.items())
        query, prompts = sentence_prompt.composed(torch, image, text, mask, state)
        free = self.free.expand(len(image), *self.free.shape)
        none = torch.zeros_like(image[:, 0])
        by_text = sentence_prompt.read(torch, free, text @ state["text"], mask, none, state)
        return query, by_text, prompts

    def learned(self) -> State:
        """The state as it is now."""
        return {name: one.detach().numpy().copy() for name, one in self.state.items()}


def learn_composition(
    triplets: Triplets,
    parts: Split,
    start: State,
    choices: Choices,
    plan: Plan,
    attempt: Attempt,
) -> tuple[State, History]:
    """The state whose queries are nearest to what is meant: the losses ITC, RTC and MSE of the paper."""
    module = Composing(start, plan.seed)
    target = torch.from_numpy(triplets.target)

    def loss(draw: torch.Generator) -> Tensor:
        rows = parts.training[batch(len(parts.training), choices.triplets, draw).numpy()]
        query, by_text, prompts = module(*seen(triplets, rows, choices))
        wanted = torch.from_numpy(triplets.wanted[rows])
        same = (wanted[:, None] == wanted) & ~torch.eye(len(rows), dtype=torch.bool)
        found = [_contrast(one, target[wanted], same, choices.temperature) for one in (query, by_text)]
        gap: Tensor = (prompts.mean(1) - module.free.mean(0).detach()).square().mean()
        return found[0] + choices.text * found[1] + choices.alignment * gap

    def validate() -> float:
        return recall(
            triplets, queries(module.learned(), triplets, parts.validation, choices), parts.validation
        )

    history = train(module, loss, plan, attempt, validate=validate if len(parts.validation) else None)
    return module.learned(), history


def seen(triplets: Triplets, rows: Array, choices: Choices) -> tuple[Tensor, Tensor, Tensor]:
    """What the method reads of these triplets; zeros for a side that it does not see."""
    image = triplets.image[rows] * choices.sees_photo
    text = triplets.text[rows] * choices.sees_words
    return torch.from_numpy(image), torch.from_numpy(text), torch.from_numpy(triplets.mask[rows])


def queries(state: State, triplets: Triplets, rows: Array, choices: Choices | None = None) -> Array:
    """The query vectors `[n, d]` of these triplets."""
    image, text, mask = (one.numpy() for one in seen(triplets, rows, choices or Choices()))
    return sentence_prompt.sentence_prompt(image, text, mask, state)


def first_right(triplets: Triplets, vectors: Array, rows: Array) -> Array:
    """Whether what is meant is found first `[n]`, the photo of the query itself left out.

    A photo scores by the best of its rows.
    """
    scores = np.einsum("nd,prd->npr", vectors, triplets.target).max(axis=2)
    asking = triplets.asking[rows]
    scores[np.flatnonzero(asking >= 0), asking[asking >= 0]] = -np.inf
    return np.asarray(scores.argmax(axis=1) == triplets.wanted[rows])


def recall(triplets: Triplets, vectors: Array, rows: Array) -> float:
    """Recall@1."""
    return float(first_right(triplets, vectors, rows).mean())


def by_kind(right: Array, kinds: Array) -> Mapping[str, float]:
    """The share that is right, of each kind."""
    return {str(kind): float(right[kinds == kind].mean()) for kind in np.unique(kinds)}


def _contrast(query: Tensor, target: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of each query over the batch's targets `[n, rows, d]`, by the best of their rows.

    Targets that are `same` are no others.
    """
    scores: Tensor = torch.einsum("nd,mrd->nmr", query, target).amax(2) / temperature
    return cross_entropy(scores.masked_fill(same, -torch.inf), torch.arange(len(scores)))
