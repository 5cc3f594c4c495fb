"""All layers are pooled by a small cross-attention: multi-layers trainable pooling (Tang and Yang, 2024,
arXiv:2409.02727).

Of each layer, the mean of its tokens is one row, to which a learned position is added. A few learned latents
look at these rows by one cross-attention and go through a feed-forward layer with a gate (GEGLU). Both have a
norm before them and a residual beside them. The vector is the mean of the latents, at length 1. With one
layer it is that layer's trainable pooling.

`fit` begins near the mean of the last layer's tokens: the last layer's position is the direction in which its
states differ least, the latents look for that, and no value has it. The paper's code has 768 latents and 32
heads, for models of thousands of dimensions, and trains the backbone as well. It reports gains in similarity
and retrieval and none in classification and clustering. It fails where all that is needed is in the last
layer: then there is nothing to gain, and what is learned from few texts costs a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.methods.projection import unit_tensor
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from tieback_lab.methods.layer_pooling import Tensors, layer_poolings

STATE = {
    "positions": ("layers", "width"),
    "latents": ("latents", "width"),
    "gains": ("norms", "width"),
    "biases": ("norms", "width"),
    "query": ("heads", "width", "inner"),
    "key": ("heads", "width", "inner"),
    "value": ("heads", "width", "inner"),
    "output": ("heads", "inner", "width"),
    "gate": ("width", "hidden"),
    "up": ("width", "hidden"),
    "down": ("hidden", "width"),
}

OF_LATENTS, OF_LAYERS, OF_RESULT = range(3)
"""The norms: before the attention, of what looks and of what is looked at, and before the feed-forward."""

SMALL = 0.02
"""The standard deviation of what begins by chance."""

LEAD = 4.0
"""By how much the last layer's score begins above the others: of six, it has nine tenths of the weight."""


@layer_poolings.method
def mltp(states: Sequence[Tensor], sizes: Tensor, state: Tensors) -> Tensor:
    """The embeddings' states are not read."""
    rows = torch.stack([_mean(one, sizes) for one in states[1:]], dim=1) + state["positions"]
    rows, latents = _normed(rows, state, OF_LAYERS), state["latents"]
    queries = torch.einsum("rw,hwi->hri", _normed(latents, state, OF_LATENTS), state["query"])
    keys = torch.einsum("blw,hwi->bhli", rows, state["key"])
    values = torch.einsum("blw,hwi->bhli", rows, state["value"])
    scores = torch.einsum("hri,bhli->bhrl", queries, keys) / state["query"].shape[2] ** 0.5
    seen = torch.einsum("bhrl,bhli->bhri", scores.softmax(dim=-1), values)
    found = latents + torch.einsum("bhri,hiw->brw", seen, state["output"])
    inside = _normed(found, state, OF_RESULT)
    found = found + (gelu(inside @ state["gate"]) * (inside @ state["up"])) @ state["down"]
    return unit_tensor(found.mean(dim=1))


def reads(states: Sequence[Tensor], sizes: Tensor) -> tuple[list[Tensor], Tensor]:
    """The mean of each layer's tokens, as if it were a text of one token."""
    return [_mean(one, sizes)[:, None] for one in states], torch.ones_like(sizes[:, :1])


def fit(
    states: Sequence[Array],
    *,
    seed: int = 0,
    latents: Annotated[int, Field(ge=1, le=512)] = 8,
    heads: Annotated[int, Field(ge=1)] = 8,
    expansion: Annotated[int, Field(ge=1, le=8)] = 4,
) -> State:
    """`latents` rows of the width of the backbone, `heads` of the attention, and `expansion` times the width
    within the feed-forward layer, whose last matrix begins with zeros.

    InvalidInput, with the parameter, where the heads do not divide the width.
    """
    layers, width = len(states) - 1, states[0].shape[2]
    if not layers:
        raise InvalidInput("there are states of the embeddings alone, and of no layer", field="states")
    if width % heads:
        raise InvalidInput(f"{heads} heads do not divide a width of {width}", field=at("parameters", "heads"))
    inner, draw = width // heads, np.random.default_rng(seed)

    def by_chance(*shape: int) -> Array:
        return draw.normal(0, SMALL, shape).astype(np.float32)

    last = states[-1].reshape(-1, width).astype(np.float64)
    mark = np.linalg.eigh(np.cov(last, rowvar=False) if len(last) > 1 else np.eye(width))[1][:, 0]
    identity = np.eye(width)
    positions, rows = by_chance(layers, width), by_chance(latents, width)
    positions[-1] += mark * np.sqrt((last**2).sum(axis=1).mean())
    rows += SMALL * np.sqrt(width) * 10 * mark
    query, key = by_chance(heads, width, inner), by_chance(heads, width, inner)
    # Behind the norms, the latents have about the root of the width along the mark, the last layer 0.7 of it.
    strength = np.sqrt(LEAD * np.sqrt(inner) / (0.7 * width))
    query[:, :, 0] += strength * mark
    key[:, :, 0] += strength * mark
    value = (identity - np.outer(mark, mark)).reshape(width, heads, inner).swapaxes(0, 1)
    return {
        "positions": positions,
        "latents": rows,
        "gains": np.ones((3, width), np.float32),
        "biases": np.zeros((3, width), np.float32),
        "query": query,
        "key": key,
        "value": np.ascontiguousarray(value, np.float32),
        "output": np.ascontiguousarray(identity.reshape(heads, inner, width), np.float32),
        "gate": by_chance(width, expansion * width),
        "up": by_chance(width, expansion * width),
        "down": np.zeros((expansion * width, width), np.float32),
    }


def _mean(tokens: Tensor, sizes: Tensor) -> Tensor:
    """`[batch, width]`; every text has a token."""
    return (tokens * sizes[..., None]).sum(dim=1) / sizes.sum(dim=1, keepdim=True)


def _normed(rows: Tensor, state: Tensors, norm: int) -> Tensor:
    """Rows of mean 0 and variance 1, times a learned gain and with a learned bias."""
    gain = state["gains"][norm]
    return layer_norm(rows, (int(gain.shape[0]),), gain, state["biases"][norm])
