"""Generalized-mean pooling of the deep map, then a linear layer (GeM; Radenović et al., 2018,
arXiv:1711.02512).

Each channel is the generalized mean of its cells: exponent 1 is the mean, and as it grows, the result
approaches the largest cell. `fit` makes the layer a whitening. The local map is not read: this is the part of
DOLG that is compared with the whole. It fails where what is looked for covers few cells of the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from tieback.core.state import State
from tieback.methods.projection import unit_rows, unit_tensor
from tieback_contract.arrays import Array

from tieback_lab.methods.map_pooling import Tensors, by_parts, cells, map_poolings, whitening

if TYPE_CHECKING:
    from torch import Tensor

STATE = {"exponent": ("one",), "whole": ("deep", "width"), "whole_bias": ("width",)}

SMALLEST = 1e-6
"""The least value of a cell: of negative ones there is no generalized mean."""


@map_poolings.method
def gem(local: Array, deep: Array, state: State) -> Array:  # noqa: ARG001 - the deep map alone is pooled
    """normalise(GeM(deep) W + b)."""
    return unit_rows(pooled(deep, state))


def graph(local: Tensor, deep: Tensor, state: Tensors) -> Tensor:  # noqa: ARG001 - the deep map alone is pooled
    """The method in torch."""
    return unit_tensor(pooled_tensor(deep, state))


def fit(
    local: Array,  # noqa: ARG001 - the deep map alone is pooled
    deep: Array,
    *,
    width: int,
    seed: int = 0,  # noqa: ARG001 - nothing is drawn
    exponent: Annotated[float, Field(ge=1)] = 3.0,
    shrinkage: Annotated[float, Field(gt=0)] = 0.1,
) -> State:
    """The exponent of the paper, and the whitening of what it pools."""
    start = np.array([exponent], np.float32)
    means = by_parts(lambda maps: generalized_mean(maps, start), deep)
    whole, bias = whitening(means, width, shrinkage)
    return {"exponent": start, "whole": whole, "whole_bias": bias}


def pooled(deep: Array, state: State) -> Array:
    """GeM(deep) W + b `[n, width]`, not normalised."""
    return np.asarray(generalized_mean(deep, state["exponent"]) @ state["whole"] + state["whole_bias"])


def pooled_tensor(deep: Tensor, state: Tensors) -> Tensor:
    """`pooled` in torch."""
    exponent = state["exponent"].clamp_min(1.0)
    mean = deep.clamp_min(SMALLEST).flatten(2).pow(exponent).mean(dim=2)
    return mean.pow(1 / exponent) @ state["whole"] + state["whole_bias"]


def generalized_mean(maps: Array, exponent: Array) -> Array:
    """`[n, channels]` of maps `[n, channels, rows, columns]`; an `exponent` `[1]` below 1 counts as 1."""
    power = max(float(exponent[0]), 1.0)
    values = np.maximum(cells(np.asarray(maps, np.float32)), SMALLEST)
    return np.asarray((values**power).mean(axis=1) ** (1 / power), np.float32)
