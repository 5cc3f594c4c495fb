"""Rows of a content: the vector of the whole, and with regions or parts those of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.vectors import VectorKind


def row_kinds(regions: bool) -> frozenset[VectorKind]:
    """The kinds of which the rows are made."""
    return frozenset({VectorKind.DENSE, *([VectorKind.MULTI_VECTOR] if regions else [])})


def padded(contents: Sequence[Array]) -> tuple[Array, Array]:
    """`[n, most rows, width]`, float32, and the mask `[n, most rows]` of what is no padding."""
    lengths = np.array([len(one) for one in contents])
    rows = np.zeros((len(contents), lengths.max(), contents[0].shape[1]), np.float32)
    for place, one in enumerate(contents):
        rows[place, : len(one)] = one
    return rows, np.arange(lengths.max()) < lengths[:, None]
