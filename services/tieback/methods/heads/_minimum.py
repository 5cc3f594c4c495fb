"""Where a smooth function is least, by SciPy's L-BFGS-B (Byrd et al., 1995, doi:10.1137/0916069)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tieback_contract.arrays import Array

Objective = Callable[[Array], tuple[float, Array]]
"""Of a point `[n]` in float64, the value and the slope `[n]`."""

STEPS, TOLERANCE = 500, 1e-5
"""It ends after so many steps, or where the slope is no larger than this share of the first one."""


def minimum(objective: Objective, start: Array) -> Array:
    """The point `[n]` that is found from `start` `[n]`."""
    from scipy.optimize import minimize  # takes 0.2 s, which a start of the server should not

    _, slope = objective(np.asarray(start, np.float64))
    small = TOLERANCE * float(np.abs(slope).max(initial=0))
    options = {"maxiter": STEPS, "gtol": small, "ftol": 0.0}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x, np.float64)
