"""Two experts whose neurons are aligned by optimal transport before they are averaged (OT-Fusion).

"Transformer Fusion with Optimal Transport" (Imfeld et al., 2023, arXiv:2310.05719). Models that were trained
from different starts compute the same by neurons in another order, so their mean is worth nothing. Layer by
layer, the first expert's neurons are matched with those of the second, whose incoming weights are nearest,
and its outgoing weights are turned by that match. The base takes no part.

Here a layer is a matrix `NAME.weight` `[out, in]` with a vector `NAME.bias`, in the order of the names'
numbers: a chain of layers, as of a perceptron. Widths of the experts are equal, and the match is one to one:
the optimum of the transport between equally many neurons of equal mass, which an assignment finds exactly.
Transport between other widths, and the residual branches and attention of transformers, are not built.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from tieback.core.errors import InvalidInput
from tieback.core.types.arrays import Array
from tieback.methods.merging import Weights, check_two, mergings

WEIGHT, BIAS = ".weight", ".bias"


@mergings.method
def optimal_transport(
    base: Weights, experts: Sequence[Weights], *, share: Annotated[float, Field(ge=0, le=1)] = 0.5
) -> Weights:
    """`1 - share` of the aligned first expert and `share` of the second, whose order of neurons stays."""
    check_two("optimal_transport", experts)
    first, second = aligned(base, *experts), experts[1]
    return {
        name: np.asarray(np.float32(1 - share) * first[name] + np.float32(share) * second[name], np.float32)
        for name in base
    }


def aligned(base: Weights, first: Weights, second: Weights) -> dict[str, Array]:
    """The first expert with its hidden neurons in the order of the second's."""
    layers = chain(base)
    turned, order = dict(first), np.arange(first[layers[0] + WEIGHT].shape[1])
    for layer in layers:
        weights = first[layer + WEIGHT][:, order]
        order = np.arange(len(weights)) if layer == layers[-1] else _match(weights, second[layer + WEIGHT])
        turned[layer + WEIGHT] = weights[order]
        if layer + BIAS in first:
            turned[layer + BIAS] = first[layer + BIAS][order]
    return turned


def chain(base: Weights) -> list[str]:
    """The layers in their order. InvalidInput where the weights are no chain of layers."""
    layers = sorted({name.removesuffix(WEIGHT).removesuffix(BIAS) for name in base}, key=_numbers)
    widths: list[tuple[int, ...]] = [
        base[layer + WEIGHT].shape if layer + WEIGHT in base else () for layer in layers
    ]
    fits = all(len(width) == 2 for width in widths)
    if not fits or any(after[1] != before[0] for before, after in itertools.pairwise(widths)):
        raise InvalidInput(
            "optimal_transport aligns a chain of linear layers, and these weights are none; "
            "take another method",
            field="base",
        )
    return layers


def _match(first: Array, second: Array) -> Array:
    """For each neuron of the second, the one of the first that is matched with it: rows are neurons."""
    from scipy.optimize import linear_sum_assignment

    squares = (second**2).sum(1)[:, None] + (first**2).sum(1)[None] - 2 * second @ first.T
    return np.asarray(linear_sum_assignment(squares)[1])


def _numbers(name: str) -> list[tuple[int, str]]:
    """Names in the order of the numbers within them: layer 10 behind layer 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
