"""One byte a dimension, by a scale for each vector: 1 byte a dimension and 4 bytes.

The largest value of a vector becomes ±127, and each value the nearest of the 255 steps. So a value moves by
at most 1/254 of the vector's largest. It fails where one value is far larger than all others, which then have
few steps. A scale for each dimension would need the vectors beforehand, and new ones may be beyond it.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.codecs import Codec, Oversampling, Shortlist, codecs

STEPS = 127
"""Of a vector's largest value."""

_SCALE_BYTES = 4
_SMALLEST = 1e-30
"""A vector without a larger value counts as zeros."""


@codecs.method
def int8(width: int, *, oversampling: Oversampling = 2.0, rescoring: str = "float32") -> Codec:
    """Columns are the steps, and then the scale's bytes, float32."""

    def encode(vectors: Array) -> Array:
        largest = np.abs(vectors).max(axis=1, keepdims=True)
        scales = np.where(largest > _SMALLEST, largest / STEPS, 1).astype(np.float32)
        rows = np.empty((len(vectors), width + _SCALE_BYTES), np.int8)
        rows[:, :width] = np.rint(vectors / scales)
        rows[:, width:] = scales.view(np.int8)
        return rows

    def scales_of(rows: Array) -> Array:
        return np.ascontiguousarray(rows[:, width:]).view(np.float32)

    def decode(rows: Array) -> Array:
        return np.asarray(rows[:, :width].astype(np.float32) * scales_of(rows))

    def similarities(query: Array, rows: Array) -> Array:
        return np.asarray((rows[:, :width].astype(np.float32) @ query) * scales_of(rows)[:, 0])

    return Codec(
        np.dtype(np.int8),
        width + _SCALE_BYTES,
        encode,
        decode,
        similarities,
        Shortlist(oversampling, rescoring),
    )
