"""Where compatible training starts: in closed form, so that few steps suffice."""

from __future__ import annotations

import numpy as np

from tieback.core.types.arrays import Array


def principal_axes(rows: Array) -> Array:
    """An orthonormal basis `[d, d]`, a row each, of the directions of `rows` `[n, d]`: most energy first."""
    wide = rows.astype(np.float64)
    _, axes = np.linalg.eigh(wide.T @ wide)
    return np.ascontiguousarray(axes.T[::-1], np.float32)


def nearest_turn(rows: Array, wanted: Array) -> Array:
    """The orthogonal matrix `[d, d]` that brings `rows` `[n, d]` nearest to `wanted` (Schönemann, 1966)."""
    left, _, right = np.linalg.svd(rows.astype(np.float64).T @ wanted)
    return np.asarray(left @ right, np.float32)
