"""Where a smooth function is least, by L-BFGS (Liu and Nocedal, 1989, doi:10.1007/BF01589116).

Written here, since a server has neither SciPy nor scikit-learn. The line search only backtracks (Armijo); a
step whose slopes say nothing of the curvature is not remembered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np

from tieback.core.types.arrays import Array

Objective = Callable[[Array], tuple[float, Array]]
"""Of a point `[n]` in float64, the value and the slope `[n]`."""
Pair = tuple[Array, Array, float]

STEPS, TOLERANCE = 500, 1e-5
"""It ends after so many steps, or where the slope is no larger than this share of the first one."""
REMEMBERED = 10
DESCENT = 1e-4
"""Share of the expected descent that a step has to make."""
SHORTEST = 1e-10
"""A step that has to be shorter is not taken."""


def minimum(objective: Objective, start: Array) -> Array:
    """The point `[n]` that is found from `start` `[n]`."""
    point = np.array(start, np.float64)
    value, slope = objective(point)
    small = TOLERANCE * float(np.abs(slope).max(initial=0))
    pairs: deque[Pair] = deque(maxlen=REMEMBERED)
    for _ in range(STEPS):
        if float(np.abs(slope).max(initial=0)) <= small:
            break
        direction = -_turned(slope, pairs)
        descent = float(direction @ slope)
        if descent >= 0:
            pairs.clear()
            direction, descent = -slope, -float(slope @ slope)
        length = 1.0 if pairs else min(1.0, 1 / float(np.linalg.norm(slope)))
        there, value_there, slope_there = point, np.inf, slope
        while not value_there <= value + DESCENT * length * descent:  # NaN is no descent either
            if length < SHORTEST:
                return point
            there = point + length * direction
            value_there, slope_there = objective(there)
            length /= 2
        step, change = there - point, slope_there - slope
        if (curvature := float(step @ change)) > 0:
            pairs.append((step, change, curvature))
        point, value, slope = there, value_there, slope_there
    return point


def _turned(slope: Array, pairs: Iterable[Pair]) -> Array:
    """The slope times the inverse of what the last steps say of the second derivatives."""
    found = slope.copy()
    kept = list(pairs)
    shares = []
    for step, change, curvature in reversed(kept):
        share = float(step @ found) / curvature
        found -= share * change
        shares.append(share)
    if kept:
        _, change, curvature = kept[-1]
        found *= curvature / float(change @ change)
    for (step, change, curvature), share in zip(kept, reversed(shares), strict=True):
        found += (share - float(change @ found) / curvature) * step
    return found
