"""What a query and a document score: cosines block by block, and their sum by the query's weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tieback_contract.arrays import Array


def similarities(queries: Mapping[str, Array], documents: Mapping[str, Array]) -> dict[str, Array]:
    """The cosines `[queries, documents]` by block that both have."""
    return {name: queries[name] @ documents[name].T for name in queries if name in documents}


def score(cosines: Mapping[str, Array], weights: Mapping[str, Array] | None = None) -> Array:
    """Σ w · cosine over blocks, `[queries, documents]`; without weights, every block's is the same."""
    names = list(cosines)
    if weights is None:
        return np.asarray(sum(cosines.values()) / len(names))
    return np.asarray(sum(weights[name][:, None] * cosines[name] for name in names))
