"""Wilcoxon's signed-rank test, by numbers that are in textbooks and by chance."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.training.ranks import signed_rank


def test_it_is_the_normal_approximation_with_ties() -> None:
    """The differences of Wilcoxon's own maize plants: T = 24 of n = 15, z = -2.045."""
    plants = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])

    assert signed_rank(plants) == pytest.approx(0.0409, abs=1e-3)
    assert signed_rank(-plants) == signed_rank(plants)
    assert signed_rank(np.array([0, 0, 1.0, 1.0, 1.0, -1.0])) == pytest.approx(0.3173, abs=1e-3)


def test_without_a_difference_it_is_1() -> None:
    assert signed_rank(np.zeros(30)) == 1.0


def test_by_chance_it_is_below_a_twentieth_in_a_twentieth_of_all_cases() -> None:
    draw = np.random.default_rng(0)

    found = np.array([signed_rank(draw.normal(size=40)) for _ in range(2000)])

    assert (found < 0.05).mean() == pytest.approx(0.05, abs=0.015)
    assert signed_rank(draw.normal(1, 1, 40)) < 1e-3
