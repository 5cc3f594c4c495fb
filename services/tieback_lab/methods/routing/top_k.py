"""Only the k spaces of the highest scores have a weight (Shazeer et al., 2017, arXiv:1701.06538).

Among the k the weights are those of soft. Spaces that tie with the k-th are kept too, so that the order of
names decides nothing: without a router's scores all weights are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.methods.routing import routings
from tieback.methods.routing.soft import Sharpness, softmax
from tieback_contract.arrays import Array


@routings.method
def top_k(
    spaces: Sequence[str],
    present: Array,
    scores: Array,
    *,
    k: Annotated[int, Field(ge=1)] = 2,
    sharpness: Sharpness = 10.0,
) -> Array:
    """The best k of the spaces that are present, so that a lost space makes room for the next."""
    known = np.asarray(present, dtype=bool).reshape(-1, len(spaces))
    wanted = np.where(known, scores, -np.inf)
    kth = np.sort(wanted, axis=1)[:, -min(k, len(spaces))][:, None]
    return softmax(known & (wanted >= kth), scores, sharpness)
