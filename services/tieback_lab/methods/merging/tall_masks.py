"""Masks over one merged task vector that bring each expert back (TALL masks).

"Localizing Task Information for Improved Model Merging and Compression" (Wang et al., 2024,
arXiv:2405.07813). Kept are the base, the sum of all task vectors, and for each expert a bit a parameter:
where its own change is larger than `threshold` times what the others add to it. The expert is restored as the
base and the masked sum. Without an adapter, the model is task arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.methods.merging import (
    Scale,
    Weights,
    mergings,
    summed,
    task_vectors,
    with_task_vectors,
)
from tieback_contract.arrays import Array

Threshold = Annotated[float, Field(ge=0, le=10)]


@mergings.method
def tall_masks(base: Weights, experts: Sequence[Weights], *, scale: Scale = 0.3) -> Weights:
    """`base + scale Σ (expert - base)`: the model without an adapter."""
    return with_task_vectors(base, experts, scale)


def split(
    base: Weights, experts: Sequence[Weights], *, threshold: Threshold = 0.4
) -> tuple[Weights, Sequence[Weights]]:
    """The sum of the task vectors, and the packed masks of each expert."""
    vectors = task_vectors(base, experts)
    total = summed(vectors)
    return total, [
        {name: packed_bits(mask) for name, mask in masks(vector, total, threshold).items()}
        for vector in vectors
    ]


def restore(base: Weights, shared: Weights, adapter: Weights) -> Weights:
    """`base + mask · sum`."""
    return {
        name: np.asarray(array + np.where(unpacked_bits(adapter[name], array), shared[name], 0), np.float32)
        for name, array in base.items()
    }


def masks(vector: Weights, total: Weights, threshold: float) -> dict[str, Array]:
    """Where a task vector is above `threshold` times the rest of the sum: booleans of its shapes."""
    return {name: np.abs(array) > threshold * np.abs(total[name] - array) for name, array in vector.items()}


def packed_bits(mask: Array) -> Array:
    """Booleans of any shape as bits `[ceil(size / 8)]`, uint8."""
    return np.packbits(np.ravel(mask))


def unpacked_bits(bits: Array, like: Array) -> Array:
    """`packed_bits` back as booleans of the shape of `like`."""
    return np.unpackbits(bits, count=like.size).astype(bool).reshape(like.shape)
