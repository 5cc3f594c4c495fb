"""The caller's own weights, scaled to sum to 1 over the spaces that are present.

A deterministic override: spaces that are not named have weight 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.methods.routing import routings

Weight = Annotated[float, Field(ge=0)]

NOTHING: Mapping[str, float] = {}


@routings.method
def explicit(
    spaces: Sequence[str],
    present: Array,
    scores: Array,  # noqa: ARG001 - the caller knows better
    *,
    weights: Mapping[str, Weight] = NOTHING,
) -> Array:
    """InvalidInput where a weight names no space, or all weights are 0."""
    unknown = sorted(set(weights) - set(spaces))
    if unknown:
        raise InvalidInput(
            f"{unknown[0]!r} is no component of the joint space; its components are: {', '.join(spaces)}",
            field=at("parameters", "weights").key(unknown[0]),
        )
    asked = np.array([weights.get(space, 0.0) for space in spaces], dtype=np.float64)
    if not asked.any():
        raise InvalidInput(
            f"all weights are 0; give at least one of {', '.join(spaces)} a positive weight",
            field=at("parameters", "weights"),
        )
    shares = (asked / asked.max()) * np.asarray(present, dtype=np.float64).reshape(-1, len(spaces))
    total = shares.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(shares, total, out=np.zeros_like(shares), where=total > 0))
