"""A head that predicts the words of a text from the states of its tokens, and what they add to its vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback.training.loop import Attempt, History, Plan, batch, train
from tieback.training.ranks import ranks
from tieback.training.splits import Split
from tieback_contract.arrays import Array
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from tieback_lab.recipes.adapt.layer_states import LayerStates

NEVER = -1e9
AT_ONCE = 16
"""Texts whose words are predicted together: each token has a logit for each word."""


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The vocabulary's embeddings `[vocabulary, width]`, and how rare each word is `[vocabulary]`.

    The rarity is 0 of what is no word: special tokens, and what no text has to show.
    """

    table: Tensor
    rarity: Array

    @classmethod
    def of(cls, table: Tensor, ids: Sequence[Array], special: Sequence[int]) -> Words:
        """By the number of the texts, as token numbers, that have a word: log((n + 1) / (number + 1/2))."""
        texts = np.zeros(len(table))
        for own in ids:
            texts[np.unique(own)] += 1
        rarity = np.log((len(ids) + 1) / (texts + 0.5)).clip(min=0)
        rarity[list(special)] = 0
        return cls(table, rarity)


class WordHead(nn.Module):
    """Logits of the vocabulary: a layer in front of the backbone's own word embeddings, and a bias."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    @classmethod
    def with_arrays(cls, arrays: Mapping[str, Array]) -> WordHead:
        """The head with these arrays."""
        made = cls(arrays["layer.weight"].shape[0], len(arrays["bias"]))
        made.load_state_dict({name: torch.from_numpy(np.array(one)) for name, one in arrays.items()})
        return made.eval()

    def forward(self, states: Tensor, sizes: Tensor, table: Tensor, bias: Tensor) -> Tensor:
        """The largest logits `[batch, words]` of any token, of states `[batch, tokens, width]`.

        `table` `[words, width]` and `bias` `[words]` are those of the words that count. What is masked
        repeats the first token, which adds nothing to a maximum.
        """
        kept = torch.where(sizes[..., None] > 0, states, states[:, :1])
        highest: Tensor = (self.norm(gelu(self.layer(kept))) @ table.T).amax(dim=1)
        return highest + bias


def learned(
    states: LayerStates,
    ids: Sequence[Array],
    words: Words,
    parts: Split,
    plan: Plan,
    attempt: Attempt,
    *,
    texts: int,
    negatives: int,
) -> tuple[dict[str, Array], dict[str, Array], History]:
    """The head's arrays after training and before it, and how it went.

    A step sees `texts` texts; their words are told from each other's and from `negatives` drawn ones, which
    stand for the rest of the vocabulary. `parts` are places of texts.
    """
    torch.manual_seed(plan.seed)
    head = WordHead(states.flat.shape[-1], len(words.table))
    before = arrays_of(head)
    among = np.unique(np.concatenate([ids[place] for place in parts.validation]))

    def bag_of_words(places: Array, drawn: Array) -> Tensor:
        own = [np.unique(ids[place]) for place in places]
        chosen = np.unique(np.concatenate([*own, drawn]))
        chosen = chosen[words.rarity[chosen] > 0]
        wanted = np.zeros((len(places), len(chosen)), np.float32)
        for row, there in enumerate(own):
            there = there[words.rarity[there] > 0]
            wanted[row, np.searchsorted(chosen, there)] = words.rarity[there]
        (last,), sizes = states.of(places)
        numbers = torch.from_numpy(chosen)
        logits: Tensor = head(last, sizes, words.table[numbers], head.bias[numbers])
        found = logits.log_softmax(dim=1)
        weights = torch.from_numpy(wanted / wanted.sum(axis=1, keepdims=True).clip(min=1e-6))
        return -(weights * found).sum(dim=1).mean()

    def loss(draw: torch.Generator) -> Tensor:
        places = parts.training[batch(len(parts.training), texts, draw).numpy()]
        return bag_of_words(places, torch.randint(len(words.table), (negatives,), generator=draw).numpy())

    def validate() -> float:
        return -float(bag_of_words(parts.validation, among))

    history = train(head, loss, plan, attempt, validate=validate)
    return arrays_of(head), before, history


@torch.no_grad()
def heaviest(
    head: WordHead, states: LayerStates, places: Array, words: Words, terms: int
) -> tuple[Array, Array]:
    """The numbers and the weights `[n, terms]` of the words of the texts at n places: sparse views."""
    offset = head.bias + torch.from_numpy(np.where(words.rarity > 0, 0, NEVER).astype(np.float32))
    numbers, weights = [], []
    for begin in range(0, len(places), AT_ONCE):
        (last,), sizes = states.of(places[begin : begin + AT_ONCE])
        values, found = sparse_view(head(last, sizes, words.table, offset), terms)
        numbers.append(found.numpy())
        weights.append(values.numpy())
    return np.concatenate(numbers), np.concatenate(weights)


def sparse_view(logits: Tensor, terms: int) -> tuple[Tensor, Tensor]:
    """Weights of length 1, and numbers, both `[batch, terms]`, of the words with the largest logits."""
    values, places = logits.topk(terms, dim=1)
    return normalize(values.clamp_min(0), dim=1), places


def sketched(weights: Tensor, places: Tensor, buckets: Tensor, signs: Tensor, width: int) -> Tensor:
    """Sparse views as vectors `[batch, width]` of length 1, whose products are nearly those of the views.

    A count sketch (Charikar et al., 2002; as feature hashing, arXiv:0902.2206): word v adds its weight, with
    the sign `signs[v]`, to the number `buckets[v]`.
    """
    found = weights.new_zeros(weights.shape[0], width)
    return normalize(found.scatter_add(1, buckets[places], signs[places] * weights), dim=1)


def joined(dense: Tensor, sketch: Tensor, weight: float) -> Tensor:
    """Both views as one vector of length 1: products are those of the dense view + `weight` · the sparse's,
    divided by 1 + `weight`.
    """
    return torch.cat([dense, math.sqrt(weight) * sketch], dim=1) / math.sqrt(1 + weight)


def places_of_partners(left: Sequence[Array], right: Sequence[Array], weight: float) -> Array:
    """The place, from 1, of each left text's partner among the right ones, by the sum over the views.

    Each side has the dense view and the other one; `weight` is that of the second.
    """
    scores = left[0] @ right[0].T + weight * (left[1] @ right[1].T)
    return ranks(scores, np.arange(len(scores)))


def scattered(numbers: Array, weights: Array, vocabulary: int) -> Array:
    """Sparse views as rows `[n, vocabulary]`."""
    rows = np.zeros((len(numbers), vocabulary), np.float32)
    np.put_along_axis(rows, numbers, weights, axis=1)
    return rows


def arrays_of(head: WordHead) -> dict[str, Array]:
    """A copy of the arrays as they are now."""
    return {name: one.detach().numpy().copy() for name, one in head.state_dict().items()}
