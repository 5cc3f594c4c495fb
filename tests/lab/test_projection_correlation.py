"""The loss of canonical correlations, and the projector that is trained with it (method 60)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.each import each
from support.present import present
from tieback.core.errors import InvalidInput
from tieback.methods.projection import cca_affine, fit, projections, unit_rows
from tieback_lab.methods.projection.correlation import canonical_correlations


def two_views(count: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    shared = draw.normal(size=(count, 4))
    one, other = (
        unit_rows(shared @ draw.normal(size=(4, width)) + draw.normal(size=(count, width)))
        for width in (10, 12)
    )
    return one, other


def test_the_loss_knows_the_correlations_of_the_closed_form() -> None:
    source, target = two_views(300)

    found = canonical_correlations(torch.from_numpy(source), torch.from_numpy(target), ridge=1e-6)

    state = cca_affine.fit(source, target, dimensions=10, ridge=1e-6)
    assert found.numpy() == pytest.approx(state["correlations"], abs=1e-3)


def test_a_linear_map_of_either_side_changes_no_correlation() -> None:
    one, other = (torch.from_numpy(side).double() for side in two_views(300))
    mixing = torch.from_numpy(np.random.default_rng(2).normal(size=(10, 10)))

    before = canonical_correlations(one, other, ridge=0.0)
    after = canonical_correlations(one @ mixing + 3.0, other, ridge=0.0)

    assert after.numpy() == pytest.approx(before.numpy(), abs=1e-6)


def test_a_side_that_has_collapsed_has_no_correlation_and_no_infinite_gradient() -> None:
    flat = torch.zeros(50, 4, requires_grad=True)

    total = canonical_correlations(flat, torch.from_numpy(two_views(50)[1])).sum()
    total.backward()  # type: ignore[no-untyped-call]  # torch's own

    assert total.item() == pytest.approx(0.0, abs=1e-3)
    assert torch.isfinite(present(flat.grad)).all()


def test_training_with_the_loss_correlates_more_than_training_without() -> None:
    source, target = two_views(300)

    def correlated(strength: float) -> float:
        state = fit("correlation", source, target, {"strength": strength, "dimensions": 4, "steps": 60})
        rows = projections.get("correlation")(source, state)
        axes = np.linalg.svd(target - target.mean(axis=0))[2][:4].T
        return float(
            canonical_correlations(*(torch.from_numpy(side @ axes) for side in (rows, target))).sum()
        )

    assert correlated(3.0) > correlated(0.0) + 0.1


@each(
    "name, value",
    [("dimensions", 0), ("strength", -1), ("temperature", 0), ("hidden", 0), ("rate", 0), ("steps", -1)],
)
def test_parameters_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InvalidInput) as refusal:
        fit("correlation", *two_views(40), {name: value})

    assert str(refusal.value.field) == f"parameters.{name}"
