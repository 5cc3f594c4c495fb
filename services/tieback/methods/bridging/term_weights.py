"""The mean of a sparse vector's terms in a dense text space, weighted by the terms' weights.

The bridge from SPLADE (Formal et al., 2021, arXiv:2107.05720) to any text space, without pairs of both: the
terms of the vocabulary are texts too, and the space has a vector for each. Terms that the model added to the
text count by their weights. Order and grammar are lost, as in every bag of words.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from tieback.core.types.arrays import Array
from tieback.methods.bridging import bridges


@bridges.method
def term_weights(
    probabilities: Array,
    vectors: Array,
    *,
    saturation: Annotated[float, Field(ge=0)] = 0.0,
    top: Annotated[int, Field(ge=1, le=1_000_000)] = 1000,
) -> Array:
    """normalise(Σ s(w_t) · v_t) over the `top` heaviest terms, with s(w) = (1 + k) w / (1 + k w).

    `probabilities` are the weights, of any size; those that are not positive count nothing. k is
    `saturation`: 0 takes weights as they are; as it grows, heavy terms count less than their weight, up to
    all terms alike (BM25's parameter is 1 / k). SPLADE's weights, log(1 + ReLU(logit)), are saturated once
    already, and on most sets of STS pairs 0 was best.
    """
    weights = np.maximum(np.asarray(probabilities, dtype=np.float64), 0.0)
    kept = np.argsort(-weights, kind="stable")[:top]
    shares = (1.0 + saturation) * weights[kept] / (1.0 + saturation * weights[kept])
    mixed = shares @ np.asarray(vectors[kept], dtype=np.float64)
    norm = np.linalg.norm(mixed)
    pulls = norm > 1e-9 * shares.sum()
    return np.asarray(mixed / norm if pulls else np.zeros_like(mixed), dtype=np.float32)
