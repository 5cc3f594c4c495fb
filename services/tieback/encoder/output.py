"""The shape of the output: fewer dimensions, smaller elements. Pure functions of arrays.

Widths are those that the space was trained to be cut to (Matryoshka representation learning, Kusupati et al.,
2022, arXiv:2205.13147); a cut vector is normalised again. INT8 has one scale per vector, max|v| / 127, which
bounds the error of each element by half of it. BINARY keeps the signs.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import DType

LARGEST_INT8 = 127


def cut(vectors: Array, width: int | None) -> Array:
    """The leading `width` dimensions of `[n, full width]` float32, each row of unit norm again; None for all.

    A row that is zero there stays zero.
    """
    if width is None or width == vectors.shape[-1]:
        return vectors
    kept = vectors[..., :width]
    norms = np.linalg.norm(kept, axis=-1, keepdims=True)
    cut_vectors: Array = kept / np.where(norms > 0.0, norms, 1.0)
    return cut_vectors


def quantise(vectors: Array, dtype: DType) -> tuple[Array, Array]:
    """`[n, width]` float32 as that type, and the scale of each row (0 for all but INT8).

    BINARY gives `[n, width / 8]` uint8, the first dimension in the most significant bit; the caller has seen
    to it that 8 divides the width.
    """
    scales = np.zeros(len(vectors), dtype=np.float32)
    match dtype:
        case DType.FLOAT32:
            return vectors, scales
        case DType.FLOAT16:
            return vectors.astype(np.float16), scales
        case DType.INT8:
            scales = np.abs(vectors).max(axis=-1).astype(np.float32) / LARGEST_INT8
            steps = np.where(scales > 0.0, scales, 1.0)[:, None]
            return np.rint(vectors / steps).astype(np.int8), scales
        case DType.BINARY:
            return np.packbits(vectors > 0.0, axis=-1), scales


def restore(values: Array, dtype: DType, scale: float) -> Array:
    """A vector as float32 `[width]`, of whatever type it came in. BINARY gives +1 and -1."""
    match dtype:
        case DType.INT8:
            return values.astype(np.float32) * np.float32(scale)
        case DType.BINARY:
            return np.unpackbits(values).astype(np.float32) * 2.0 - 1.0
        case DType.FLOAT32 | DType.FLOAT16:
            return values.astype(np.float32, copy=False)
