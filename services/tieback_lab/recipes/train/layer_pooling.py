"""Learns a layer pooling by pairs of texts, and measures how well partners find each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback.core.state import State
from tieback.training.loop import Attempt, History, Plan, angular_contrast, batch, train
from tieback.training.splits import Split
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import normalize

from tieback_lab.methods.layer_pooling import LayerPooling
from tieback_lab.recipes.adapt.layer_states import LayerStates

Module = Callable[[Sequence[Tensor], Tensor], Tensor]
"""A pooling with its state: states and sizes to unit vectors `[texts, width]`."""

AT_ONCE = 256
"""Texts that are pooled together where nothing is learned."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The pairs of a batch, and how near another text has to be to count."""

    pairs: int
    temperature: float


class LearnedPooling(torch.nn.Module):
    """A layer pooling with its state as parameters."""

    def __init__(self, method: LayerPooling, state: State) -> None:
        super().__init__()
        self._method = method
        self._names = list(state)
        self.state = torch.nn.ParameterList([torch.tensor(one) for one in state.values()])

    def forward(self, states: Sequence[Tensor], sizes: Tensor) -> Tensor:
        """As the method."""
        return self._method(states, sizes, dict(zip(self._names, self.state, strict=True)))

    def arrays(self) -> dict[str, Array]:
        """The state as it is now."""
        return {
            name: np.ascontiguousarray(one.detach().numpy())
            for name, one in zip(self._names, self.state, strict=True)
        }


def learn_pooling(
    states: LayerStates,
    parts: Split,
    start: State,
    method: LayerPooling,
    choices: Choices,
    plan: Plan,
    attempt: Attempt,
) -> tuple[dict[str, Array], History]:
    """The state, and how it was found. `states` are of 2n texts: text i and text n + i are a pair."""
    module, count = LearnedPooling(method, start), len(states) // 2

    def loss(draw: torch.Generator) -> Tensor:
        chosen = parts.training[batch(len(parts.training), choices.pairs, draw).numpy()]
        vectors = module(*states.of(np.concatenate([chosen, count + chosen])))
        return angular_contrast(*vectors.chunk(2), temperature=choices.temperature)

    def validate() -> float:
        return float(reciprocal_ranks(states, parts.validation, pooled(states, module)).mean())

    history = train(module, loss, plan, attempt, validate=validate)
    return module.arrays(), history


def pooled(states: LayerStates, module: Module) -> Callable[[Array], Array]:
    """Makes the vectors `[n, width]` of the texts at n places."""

    def vectors(texts: Array) -> Array:
        with torch.no_grad():
            parts = [
                module(*states.of(texts[begin : begin + AT_ONCE])).numpy()
                for begin in range(0, len(texts), AT_ONCE)
            ]
        return np.concatenate(parts)

    return vectors


def last_mean(states: Sequence[Tensor], sizes: Tensor) -> Tensor:
    """The mean of the last layer's tokens at length 1: what needs no training."""
    return normalize((states[-1] * sizes[..., None]).sum(dim=1), dim=1)


def reciprocal_ranks(states: LayerStates, pairs: Array, vectors: Callable[[Array], Array]) -> Array:
    """One over the rank `[n]` of each pair's second text among the second texts of all n `pairs`."""
    count = len(states) // 2
    cosines = vectors(pairs) @ vectors(count + pairs).T
    return np.asarray(1 / (cosines >= cosines.diagonal()[:, None]).sum(axis=1))
