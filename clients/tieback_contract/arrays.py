"""Arrays, and places in a text, a picture or a sound."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Span = tuple[int, int]
"""Bytes of a UTF-8 text: the first, and the first after it."""
TimeRange = tuple[float, float]
"""A part of a sound: when it begins and ends, in seconds."""


class Box(NamedTuple):
    """A rectangle in a picture, in 0..1 of the picture's width and height."""

    x: float
    """Its left edge, from the picture's left."""
    y: float
    """Its upper edge, from the picture's top."""
    width: float
    """Width."""
    height: float
    """Height."""


WHOLE = Box(0.0, 0.0, 1.0, 1.0)
"""The whole picture."""

ROUNDING = 1e-5
"""How far a box may reach over the edge: its parts were rounded one by one."""

OUTSIDE = "a box has a width and a height above 0 and lies in the picture, 0 to 1"


def inside(boxes: Array) -> Array:
    """Which boxes `[n, 4]` are in the picture `[n]`; NaN is nowhere."""
    begins, sizes = boxes[:, :2], boxes[:, 2:]
    found = (begins >= 0) & (sizes > 0) & (begins + sizes <= 1 + ROUNDING)
    return np.asarray(found.all(axis=1))
