"""The benchmark of matched experts: what it puts into another order stays the same model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from benchmarks.lab.matched_experts import reordered

pytestmark = pytest.mark.all

SHAPES = {
    "encoder.layer.0.intermediate.dense.weight": (32, 8),
    "encoder.layer.0.intermediate.dense.bias": (32,),
    "encoder.layer.0.output.dense.weight": (8, 32),
}


def test_a_model_whose_neurons_are_in_another_order_gives_the_same() -> None:
    draw = np.random.default_rng(1)
    weights = {name: draw.normal(size=shape) for name, shape in SHAPES.items()}
    rows = draw.normal(size=(5, 8))

    def given(model: Mapping[str, Any]) -> np.ndarray:
        wide, bias, narrow = (model[name] for name in SHAPES)
        return np.asarray(np.maximum(rows @ wide.T + bias, 0) @ narrow.T)

    other = reordered(weights)

    assert all(not np.allclose(other[name], weights[name]) for name in SHAPES)
    np.testing.assert_allclose(given(other), given(weights), atol=1e-12)
