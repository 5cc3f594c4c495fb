"""One table for all features, each of which has hash functions of its own: feature multiplexing, "Unified
Embedding" (Coleman et al., 2023, arXiv:2305.12102).

The value v of the feature f is embedded as the rows h(seed of f and j, v) mod size, for j from 1 to the
number of lookups of f, one after another. All rows serve all features, so no feature's table is too small or
too large, and vocabularies may grow. Values of two features that share a row are told apart by what comes
next: it has weights of its own for each feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.methods.feature_tables import Columns, checked, feature_tables, hashed

Lookups = Annotated[int, Field(ge=1, le=64)]


@feature_tables.method
def multiplexed(
    columns: Columns,
    size: int,
    *,
    lookups: Lookups = 1,
    lookups_of: Mapping[str, Lookups] | None = None,
    seed: int = 0,
) -> Array:
    """`lookups_of` has the lookups of single features: one of many values may be given a wider vector."""
    checked(columns, size, 1)
    own = lookups_of or {}
    for name in own:
        if name not in columns:
            raise InvalidInput(
                f"there is no feature {name!r}; there are {', '.join(sorted(columns))}",
                field=at("parameters", "lookups_of").key(name),
            )
    return np.stack(
        [
            hashed(f"{seed} {name} {lookup}", columns[name], size)
            for name in sorted(columns)
            for lookup in range(own.get(name, lookups))
        ],
        axis=1,
    )
