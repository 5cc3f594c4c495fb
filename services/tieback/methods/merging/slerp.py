"""Spherical interpolation of two experts, tensor by tensor (SLERP); the base takes no part.

So are the two bodies of "FusionSent: Few-Shot Learning of Scientific Documents" (Schopf et al., 2024,
arXiv:2410.05770) merged. The angle is that between the normalised tensors; the factors are applied to the
tensors as they are. Tensors that are nearly parallel are interpolated linearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.methods.merging import Weights, check_two, mergings

PARALLEL = 0.9995
"""The cosine from which on the interpolation is linear: the factors are ratios of two small sines there."""


@mergings.method
def slerp(
    base: Weights, experts: Sequence[Weights], *, t: Annotated[float, Field(ge=0, le=1)] = 0.5
) -> Weights:
    """`sin((1 - t) θ) / sin θ` times the first expert, and `sin(t θ) / sin θ` times the second."""
    check_two("slerp", experts)
    first, second = experts
    return {name: _between(first[name], second[name], t) for name in base}


def _between(first: Array, second: Array, t: float) -> Array:
    lengths = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    cosine = float(np.vdot(first, second)) / lengths if lengths else 1.0
    if abs(cosine) > PARALLEL:
        left, right = 1 - t, t
    else:
        angle = np.arccos(cosine)
        left, right = np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
    return np.asarray(np.float32(left) * first + np.float32(right) * second, np.float32)
