"""Arrays that grow by a quarter, so that the copied bytes stay in proportion to the content."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

_FEWEST = 256


def grown(array: Array, size: int, fill: float) -> Array:
    """The array, where it is shorter than `size` with more room than that, filled with `fill`."""
    if size <= len(array):
        return array
    more = np.full(max(size - len(array), len(array) // 4, _FEWEST), fill, array.dtype)
    return np.concatenate((array, more))
