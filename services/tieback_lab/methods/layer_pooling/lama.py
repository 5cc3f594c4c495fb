"""Several weighted means of the tokens, weighted by a low-rank bilinear form with one learned context (LAMA;
Mehta et al., 2019, arXiv:1912.00835).

A head's score of a token h is tanh((pᵀc)(qᵀh)): one vector c is the context of all heads, and each head has
a p and a q. So m heads over D dimensions take 2Dm + D numbers, where a full bilinear form takes mD². The
scores of a token are brought to length 1 over the heads, then a softmax over the tokens makes the weights.
The vector is the heads' means one after the other, at length 1: m times as wide as the backbone.

Scores lie between -1 and 1, so no token has more than 7.4 times the weight of another, and a head cannot
choose a single token. It fails where a vector has to be narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from tieback.core.state import State
from tieback.methods.projection import unit_tensor
from tieback_contract.arrays import Array
from torch import Tensor

from tieback_lab.methods.layer_pooling import Tensors, layer_poolings

STATE = {"left": ("width", "heads"), "right": ("width", "heads"), "context": ("width",)}


@layer_poolings.method
def lama(states: Sequence[Tensor], sizes: Tensor, state: Tensors) -> Tensor:
    """The last layer's tokens alone are read."""
    return unit_tensor((weights(states[-1], sizes, state) @ states[-1]).flatten(1))


def weights(tokens: Tensor, sizes: Tensor, state: Tensors) -> Tensor:
    """How much each token counts `[batch, heads, tokens]`: rows of sum 1, 0 for padding.

    A token that stands for several counts as often.
    """
    scores = torch.tanh((state["context"] @ state["left"]) * (tokens @ state["right"]))
    raised = unit_tensor(scores).exp() * sizes[..., None]
    return (raised / raised.sum(dim=1, keepdim=True)).transpose(1, 2)


def reads(states: Sequence[Tensor], sizes: Tensor) -> tuple[list[Tensor], Tensor]:
    """The last layer."""
    return [states[-1]], sizes


def fit(
    states: Sequence[Array],
    *,
    seed: int = 0,
    heads: Annotated[int, Field(ge=1, le=64)] = 4,
) -> State:
    """Uniform by chance, as wide as Glorot and Bengio (2010) have it."""
    width, draw = states[0].shape[2], np.random.default_rng(seed)

    def by_chance(columns: int) -> Array:
        bound = np.sqrt(6 / (width + columns))
        return draw.uniform(-bound, bound, (width, columns)).astype(np.float32)

    return {"left": by_chance(heads), "right": by_chance(heads), "context": by_chance(1)[:, 0]}
