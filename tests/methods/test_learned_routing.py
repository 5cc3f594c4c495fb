"""Policies that follow a learned router's scores."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.methods.routing import routings
from tieback.methods.routing._network import scores as network_scores

SPACES = ("audio", "picture", "text")
EVERYONE = np.ones((1, 3), bool)


def test_weights_sum_to_one_over_the_present_spaces() -> None:
    draw = np.random.default_rng(0)
    present = draw.random((50, 3)) > 0.4
    present[0] = False

    weights = routings.configure("soft")(SPACES, present, draw.random((50, 3)))

    assert weights.sum(axis=1) == pytest.approx(present.any(axis=1).astype(float))
    assert not weights[~present].any()


def test_soft_weights_are_the_softmax_of_ten_times_the_scores() -> None:
    scores = np.array([[0.9, 0.7, 0.1]])

    weights = routings.configure("soft")(SPACES, EVERYONE, scores)

    assert weights == pytest.approx(np.exp(10 * scores) / np.exp(10 * scores).sum())


def test_a_lost_space_leaves_the_ratio_of_the_others() -> None:
    scores = np.array([[0.9, 0.7, 0.6]])
    soft = routings.configure("soft")

    whole = soft(SPACES, EVERYONE, scores)
    left = soft(SPACES, np.array([[False, True, True]]), scores)

    assert left[0, 0] == 0
    assert left[0, 1] / left[0, 2] == pytest.approx(whole[0, 1] / whole[0, 2])


def test_sharpness_nought_is_uniform() -> None:
    weights = routings.configure("soft", {"sharpness": 0})(SPACES, EVERYONE, np.array([[0.9, 0.7, 0.1]]))

    assert weights == pytest.approx(np.full((1, 3), 1 / 3))


def test_a_router_scores_between_nought_and_one_however_large_its_numbers() -> None:
    draw = np.random.default_rng(0)
    state = {
        "first": draw.normal(size=(5, 8)),
        "first_bias": draw.normal(size=8),
        "second": draw.normal(size=(8, 4)),
        "second_bias": draw.normal(size=4),
        "third": 1e6 * draw.normal(size=(4, 3)),
        "third_bias": draw.normal(size=3),
    }

    found = network_scores(draw.normal(size=(7, 5)), state)

    assert found.shape == (7, 3)
    assert ((found >= 0) & (found <= 1)).all()
