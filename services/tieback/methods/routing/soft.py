"""Weights are the softmax of a learned router's scores (OmniBind, arXiv:2407.11895).

Missing spaces have weight 0 and the others share theirs. Without a router's scores all weights are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.methods.routing import routings

Sharpness = Annotated[float, Field(ge=0, le=1000)]


@routings.method
def soft(spaces: Sequence[str], present: Array, scores: Array, *, sharpness: Sharpness = 10.0) -> Array:
    """softmax(sharpness · scores) over the spaces that are present.

    Sharpness 0 is uniform; with 10, as in the paper, a score of 1 outweighs a score of 0 by e¹⁰.
    """
    return softmax(np.asarray(present, dtype=bool).reshape(-1, len(spaces)), scores, sharpness)


def softmax(present: Array, scores: Array, sharpness: float) -> Array:
    """Weights `[inputs, spaces]` over the spaces that are `present`; a row of zeros where none is."""
    wanted = np.where(present, sharpness * np.asarray(scores, dtype=np.float64), -np.inf)
    best = wanted.max(axis=1, keepdims=True)
    exponentials = np.exp(wanted - np.where(np.isfinite(best), best, 0))
    total = exponentials.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(exponentials, total, out=np.zeros_like(exponentials), where=total > 0))
