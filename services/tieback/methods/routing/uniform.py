"""Every space that is present has the same weight.

The baseline of every router: representations trained apart complement each other when simply concatenated
(Zhang and Bottou, 2023, arXiv:2212.07346).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.routing import routings


@routings.method
def uniform(spaces: Sequence[str], present: Array, scores: Array) -> Array:  # noqa: ARG001 - all alike
    """1 / n for each of the n spaces that are present."""
    present = np.asarray(present, dtype=np.float64).reshape(-1, len(spaces))
    return np.asarray(present / np.maximum(present.sum(axis=1, keepdims=True), 1))
