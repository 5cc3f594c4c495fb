"""Rectangles in a picture: x, y, width and height, in 0..1 of the picture's, from its upper left corner."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array, Box

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
