"""Weights of a small base and of experts that are trained from it, at random."""

from __future__ import annotations

import numpy as np
from tieback.methods.merging import Weights
from tieback_contract.arrays import Array

DRAW = np.random.default_rng(7)
SHAPES = {"0.weight": (24, 12), "0.bias": (24,), "2.weight": (6, 24), "2.bias": (6,)}


def weights(scale: float = 1.0, around: Weights | None = None) -> dict[str, Array]:
    """Random weights, or a base with random changes."""
    return {
        name: np.asarray(
            DRAW.standard_normal(shape) * scale + (0 if around is None else around[name]), np.float32
        )
        for name, shape in SHAPES.items()
    }


BASE = weights()
EXPERTS = [weights(0.1, BASE) for _ in range(4)]


def assert_same(found: Weights, wanted: Weights, tolerance: float = 1e-5) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, atol=tolerance)
