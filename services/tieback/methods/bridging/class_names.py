"""The mean of the names of a picture's or a sound's classes, weighted by their probabilities.

The zero-shot construction of ConSE (Norouzi et al., 2014, arXiv:1312.5650): a classifier trained on pictures
alone becomes an encoder into any text space, without pairs of pictures and texts. It sees only what the
classifier has names for.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.methods.bridging import bridges


@bridges.method
def class_names(
    probabilities: Array, vectors: Array, *, top: Annotated[int, Field(ge=1, le=1000)] = 10
) -> Array:
    """normalise(Σ p_c · t_c) over the `top` most probable classes."""
    kept = np.argsort(-probabilities, kind="stable")[:top]
    mixed = np.asarray(probabilities[kept], dtype=np.float64) @ np.asarray(vectors[kept], dtype=np.float64)
    norm = np.linalg.norm(mixed)
    return np.asarray(mixed / norm if norm > 1e-9 else np.zeros_like(mixed), dtype=np.float32)
