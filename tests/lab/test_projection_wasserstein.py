"""The 2-Wasserstein distance of clouds, and the projector that is trained with it (method 60)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ot.gaussian import bures_wasserstein_distance
from support.present import present
from tieback.core.errors import InvalidInput
from tieback.methods.projection import fit, projections, unit_rows
from tieback_lab.methods.projection.wasserstein import squared_distance


def clouds() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    return (
        draw.normal(size=(200, 6)) @ draw.normal(size=(6, 6)),
        draw.normal(size=(150, 6)) @ draw.normal(size=(6, 6)) + 1.5,
    )


def test_the_distance_is_the_one_of_pot() -> None:
    one, other = clouds()

    found = squared_distance(torch.from_numpy(one), torch.from_numpy(other)).item()

    moments = [(side.mean(axis=0), np.cov(side.T, bias=True)) for side in (one, other)]
    expected = bures_wasserstein_distance(moments[0][0], moments[1][0], moments[0][1], moments[1][1]) ** 2
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_distance_is_of_clouds_and_not_of_pairs() -> None:
    cloud = torch.from_numpy(clouds()[0])

    assert squared_distance(cloud, cloud.flip(0)).item() == pytest.approx(0.0, abs=1e-6)


def test_a_shift_costs_its_square() -> None:
    cloud = torch.from_numpy(clouds()[0])

    assert squared_distance(cloud, cloud + 2.0).item() == pytest.approx(6 * 4.0, rel=1e-6)


def test_clouds_of_fewer_points_than_dimensions_have_a_distance_and_a_gradient() -> None:
    one = torch.from_numpy(clouds()[0][:4]).requires_grad_()

    found = squared_distance(one, torch.from_numpy(clouds()[1][:3]))
    found.backward()  # type: ignore[no-untyped-call]  # torch's own

    assert found.item() > 0
    assert torch.isfinite(present(one.grad)).all()


def test_training_with_the_distance_ends_nearer_to_the_targets_cloud() -> None:
    draw = np.random.default_rng(1)
    shared = draw.normal(size=(200, 5))
    source = unit_rows(shared @ draw.normal(size=(5, 8)) + 0.5 * draw.normal(size=(200, 8)))
    target = unit_rows(shared @ draw.normal(size=(5, 9)) + 0.5 * draw.normal(size=(200, 9)) + 1.0)

    def distance(strength: float) -> float:
        state = fit("wasserstein", source, target, {"strength": strength, "steps": 60})
        rows = projections.get("wasserstein")(source, state)
        return squared_distance(torch.from_numpy(rows), torch.from_numpy(target)).item()

    assert distance(10.0) < 0.5 * distance(0.0)


def test_a_strength_below_zero_is_refused() -> None:
    one, other = (side[:100] for side in clouds())

    with pytest.raises(InvalidInput, match="'strength': input should be greater"):
        fit("wasserstein", one, other, {"strength": -1})
