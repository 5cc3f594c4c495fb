"""A shared model and what each expert has beyond it, compressed (Twin-Merging).

"Twin-Merging: Dynamic Integration of Modular Expertise in Model Merging" (Lu et al., 2024, arXiv:2406.15479).
The shared model is task arithmetic. The rest of each expert is compressed: by the largest singular values of
each matrix, with vectors and stacks of matrices as they are, or by its largest values. An expert is the
shared model and its rest. A request names the expert; or a router, of which the paper's is one, mixes the
rests for each input, or chooses one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from tieback.methods.merging import Scale, Share, Weights, mergings, task_vectors, with_task_vectors
from tieback.methods.merging.ties import trimmed
from tieback_contract.arrays import Array

LEFT, RIGHT, PLACES, VALUES = " left", " right", " places", " values"
"""Behind a tensor's name: the factors of a matrix, or the places and values of a sparse tensor."""
Compression = Literal["singular_values", "largest_values"]


@mergings.method
def twin(base: Weights, experts: Sequence[Weights], *, scale: Scale = 0.3) -> Weights:
    """`base + scale Σ (expert - base)`: the shared model."""
    return with_task_vectors(base, experts, scale)


def split(
    base: Weights,
    experts: Sequence[Weights],
    *,
    scale: Scale = 0.3,
    compression: Compression = "singular_values",
    rank: Annotated[int, Field(ge=1, le=4096)] = 32,
    density: Share = 0.1,
) -> tuple[Weights, Sequence[Weights]]:
    """The shared model, and for each expert its rest."""
    shared = with_task_vectors(base, experts, scale)
    rests = task_vectors(shared, experts)
    if compression == "largest_values":
        return shared, [_sparse(trimmed(rest, density)) for rest in rests]
    return shared, [_low_rank(rest, rank) for rest in rests]


def restore(base: Weights, shared: Weights, adapter: Weights) -> Weights:
    """The shared model and the rest."""
    return {name: np.asarray(shared[name] + _rest(adapter, name, shared[name]), np.float32) for name in base}


def factors(adapter: Weights) -> Mapping[str, tuple[Array, Array]]:
    """The factors of the matrices that were compressed by their singular values."""
    names = [name.removesuffix(LEFT) for name in adapter if name.endswith(LEFT)]
    return {name: (adapter[name + LEFT], adapter[name + RIGHT]) for name in names}


def _low_rank(rest: Weights, rank: int) -> dict[str, Array]:
    kept: dict[str, Array] = {}
    for name, array in rest.items():
        if not array.any():  # for instance word embeddings that no expert trained
            continue
        if array.ndim != 2 or min(array.shape) <= rank:
            kept[name] = np.asarray(array, np.float32)
            continue
        left, values, right = np.linalg.svd(array, full_matrices=False)
        kept[name + LEFT] = np.asarray(left[:, :rank] * values[:rank], np.float32)
        kept[name + RIGHT] = np.asarray(right[:rank], np.float32)
    return kept


def _sparse(rest: Weights) -> dict[str, Array]:
    kept: dict[str, Array] = {}
    for name, array in rest.items():
        places = np.flatnonzero(array)
        kept[name + PLACES], kept[name + VALUES] = places, np.asarray(array.ravel()[places], np.float32)
    return kept


def _rest(adapter: Weights, name: str, like: Array) -> Array:
    """What an adapter adds to a tensor, of its shape."""
    if name in adapter:
        return adapter[name]
    if name + LEFT in adapter:
        return np.asarray(adapter[name + LEFT] @ adapter[name + RIGHT])
    flat = np.zeros(like.size, np.float32)
    if name + PLACES in adapter:
        flat[adapter[name + PLACES]] = adapter[name + VALUES]
    return flat.reshape(like.shape)
