"""Values of the contract as something that compares."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from tieback.core import errors


def plain(value: Any) -> Any:
    """Something that compares: arrays as lists, errors as what they say."""
    if isinstance(value, np.ndarray):
        return (value.dtype.kind, value.shape, value.astype(float).round(6).tolist())
    if isinstance(value, errors.TiebackError):
        return (type(value), value.message, value.reason, getattr(value, "field", ""))
    if dataclasses.is_dataclass(value):
        return (
            type(value),
            {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)},
        )
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return value
