"""Solids that are made."""

from __future__ import annotations

import numpy as np
import pytest
from tieback_lab.training.solids import SOLIDS, cloud
from tieback_lab.training.solids.meshes import ball, box, drawn


def test_every_solid_has_a_name_of_its_own_and_is_drawn_as_a_finite_cloud() -> None:
    assert len({one.name for one in SOLIDS}) == len(SOLIDS) >= 40
    for number, one in enumerate(SOLIDS):
        points = cloud(number, 0, seed=0)
        assert points.dtype == np.float32, one.name
        assert np.isfinite(points).all(), one.name
        assert len(np.unique(points, axis=0)) >= 400, one.name


def test_the_seed_and_the_copy_say_which_one_is_drawn() -> None:
    assert np.array_equal(cloud(3, 1, seed=0), cloud(3, 1, seed=0))
    assert cloud(3, 1, seed=0).shape != cloud(3, 2, seed=0).shape or not np.array_equal(
        cloud(3, 1, seed=0), cloud(3, 2, seed=0)
    )
    assert not np.array_equal(cloud(3, 1, seed=0)[:100], cloud(3, 1, seed=1)[:100])


def test_points_are_drawn_on_the_surface_in_proportion_to_its_area() -> None:
    draw = np.random.default_rng(0)

    sphere, slab = drawn(ball(1), 4000, draw), drawn(box(2, 2, 0.5), 4000, draw)

    assert np.linalg.norm(sphere, axis=1) == pytest.approx(1, abs=0.05)
    assert (sphere[:, 2] > 0.5).mean() == pytest.approx(0.25, abs=0.03)  # a cap's area is as its height
    flat = np.isclose(slab[:, 2], 0) | np.isclose(slab[:, 2], 0.5)
    assert flat.mean() == pytest.approx(8 / 12, abs=0.03)
