"""Ridge regression with an offset."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.methods.projection import affine, fit, projections, unit_rows

DRAW = np.random.default_rng(0)
SOURCE = unit_rows(DRAW.normal(size=(80, 10)))
MAP, OFFSET = DRAW.normal(size=(10, 14)), DRAW.normal(size=14)


def test_an_affine_map_is_recovered() -> None:
    state = affine.fit(SOURCE, SOURCE @ MAP + OFFSET, ridge=0.0)

    assert state["map"] == pytest.approx(MAP, abs=1e-4)
    assert state["offset"] == pytest.approx(OFFSET, abs=1e-4)
    others = unit_rows(np.random.default_rng(5).normal(size=(7, 10)))
    expected = unit_rows(others @ MAP + OFFSET)
    assert projections.get("affine")(others, state) == pytest.approx(expected, abs=1e-4)


def test_the_ridge_shrinks_the_map_towards_the_mean_and_leaves_the_mean_alone() -> None:
    target = SOURCE @ MAP + OFFSET

    states = [affine.fit(SOURCE, target, ridge=ridge) for ridge in (0.01, 1.0, 100.0)]

    sizes = [np.linalg.norm(state["map"]) for state in states]
    assert sizes[0] > sizes[1] > sizes[2]
    for state in states:
        mean = SOURCE.mean(axis=0) @ state["map"] + state["offset"]
        assert mean == pytest.approx(target.mean(axis=0), abs=1e-5)


def test_a_ridge_means_the_same_when_every_anchor_counts_twice() -> None:
    target = SOURCE @ MAP

    once = affine.fit(SOURCE, target, ridge=0.5)
    twice = affine.fit(np.tile(SOURCE, (2, 1)), np.tile(target, (2, 1)), ridge=0.5)

    assert twice["map"] == pytest.approx(once["map"], abs=1e-5)


def test_anchors_that_leave_directions_out_give_no_infinities() -> None:
    flat = SOURCE.copy()
    flat[:, 5:] = 0

    state = fit("affine", flat, SOURCE @ MAP, {"ridge": 0.0})

    assert np.isfinite(state["map"]).all()
    assert state["map"][5:] == pytest.approx(np.zeros((5, 14)), abs=1e-5)


def test_without_a_ridge_it_says_how_many_anchors_it_needs() -> None:
    fit("affine", SOURCE[:5], SOURCE[:5] @ MAP)

    with pytest.raises(InvalidInput, match=r"affine without a ridge needs 11 anchors .* there are 10"):
        fit("affine", SOURCE[:10], SOURCE[:10] @ MAP, {"ridge": 0.0})


@pytest.mark.parametrize("ridge", [-0.1, float("nan"), float("inf")])
def test_a_ridge_that_is_none_is_refused(ridge: float) -> None:
    with pytest.raises(InvalidInput, match="'ridge'") as refusal:
        fit("affine", SOURCE, SOURCE @ MAP, {"ridge": ridge})

    assert str(refusal.value.field) == "parameters.ridge"
