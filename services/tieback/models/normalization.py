"""Length 1."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

SMALLEST = 1e-12


def unit_rows(rows: Array) -> Array:
    """Each row of `[..., width]` divided by its length, in float32; a row of zeros stays one."""
    rows = rows.astype(np.float32, copy=False)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, SMALLEST), np.float32)
