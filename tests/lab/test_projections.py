"""Projections of the lab are held to what all projections are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tieback.core.state import check_state
from tieback.methods.projection import GRAPH, fit, projections, unit_rows

NAMES = ("correlation", "joint_views", "projector_ensemble", "wasserstein")
Pairs = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(300, 12))
    return (
        unit_rows(hidden @ draw.normal(size=(12, 20)) + 0.1 * draw.normal(size=(300, 20))),
        unit_rows(hidden @ draw.normal(size=(12, 24)) + 0.1 * draw.normal(size=(300, 24))),
    )


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_partners_that_it_has_not_seen_and_its_graph_says_the_same(name: str, pairs: Pairs) -> None:
    source, target = pairs
    state = fit(name, source[:250], target[:250], seed=1)
    check_state(state, projections.state(name), source=20, target=24)

    projected = projections.get(name)(source[250:], state)
    tensors = {key: torch.from_numpy(array) for key, array in state.items()}
    traced = projections.form(GRAPH, name)(torch.from_numpy(source[250:]), tensors)

    right = np.sum(projected * target[250:], axis=1).mean()
    assert right > (projected @ target[250:].T).mean() + 0.2
    assert traced.numpy() == pytest.approx(projected, abs=1e-4)
