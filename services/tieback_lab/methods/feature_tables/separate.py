"""A hashed table for each feature: what feature multiplexing (arXiv:2305.12102) is compared with.

The rows are divided among the features by `shares`, or evenly. A table that is too small for its vocabulary
has many values in a row, and one that is too large has rows that nothing uses.
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


@feature_tables.method
def separate(
    columns: Columns,
    size: int,
    *,
    shares: Mapping[str, Annotated[float, Field(gt=0)]] | None = None,
    seed: int = 0,
) -> Array:
    """`shares` has a number for each feature, to which the rows of its table are in proportion."""
    names = sorted(columns)
    checked(columns, size, len(names))
    parts = shares or dict.fromkeys(names, 1.0)
    if set(parts) != set(names):
        raise InvalidInput(
            f"there is a share for each of {', '.join(names)}, not for {', '.join(sorted(parts))}",
            field=at("parameters", "shares"),
        )
    bounds = np.cumsum([0.0, *(parts[name] for name in names)])
    # A row for each to begin with, so that no feature has none.
    begins = np.arange(len(bounds)) + np.floor(bounds / bounds[-1] * (size - len(names))).astype(np.int64)
    return np.stack(
        [
            begin + hashed(f"{seed} {name}", columns[name], int(end - begin))
            for name, begin, end in zip(names, begins[:-1], begins[1:], strict=True)
        ],
        axis=1,
    )
