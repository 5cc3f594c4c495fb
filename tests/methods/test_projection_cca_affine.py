"""Canonical correlation analysis, and the affine map through its subspace (method 46)."""

from __future__ import annotations

import numpy as np
import pytest
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.methods.projection import affine, cca_affine, fit, projections, unit_rows


def two_views(count: int, seed: int = 0, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Spaces of width 12 and 15 that share 3 dimensions."""
    draw = np.random.default_rng(seed)
    maps = np.random.default_rng(99)
    shared = draw.normal(size=(count, 3))
    sides = [
        shared @ maps.normal(size=(3, width)) + noise * draw.normal(size=(count, width)) for width in (12, 15)
    ]
    return unit_rows(sides[0]), unit_rows(sides[1])


def correlations_by_eigenvalues(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Hotelling's own way: ρ² are the eigenvalues of Cxx⁻¹ Cxy Cyy⁻¹ Cyx."""
    joint = np.cov(np.concatenate([one, other], axis=1).T.astype(np.float64))
    width = one.shape[1]
    xx, xy, yy = joint[:width, :width], joint[:width, width:], joint[width:, width:]
    squares = np.linalg.eigvals(np.linalg.solve(xx, xy) @ np.linalg.solve(yy, xy.T)).real
    return np.sqrt(np.sort(squares)[::-1])


def test_the_correlations_are_those_of_hotellings_closed_form() -> None:
    source, target = two_views(400)

    state = cca_affine.fit(source, target, dimensions=12, ridge=0.0)

    assert state["correlations"] == pytest.approx(correlations_by_eigenvalues(source, target), abs=1e-4)


def test_canonical_variates_correlate_pair_by_pair_and_with_no_other() -> None:
    source, target = two_views(400)

    state = cca_affine.fit(source, target, dimensions=5, ridge=0.0)

    one = (source - state["centre"]) @ state["into"]
    other = (target - state["target_centre"]) @ state["target_into"]
    assert one.T @ one == pytest.approx(np.eye(5), abs=1e-3)
    assert other.T @ other == pytest.approx(np.eye(5), abs=1e-3)
    assert one.T @ other == pytest.approx(np.diag(state["correlations"]), abs=1e-3)


@each("ridge", [0.0, 0.3])
@each("swapped", [False, True])
def test_with_as_many_dimensions_as_there_are_it_is_affine(ridge: float, swapped: bool) -> None:
    source, target = two_views(300)[:: -1 if swapped else 1]

    state = cca_affine.fit(source, target, dimensions=12, ridge=ridge)

    rows = projections.get("cca_affine")(source, state)
    assert rows == pytest.approx(affine.affine(source, affine.fit(source, target, ridge=ridge)), abs=1e-4)


def test_with_fewer_anchors_than_dimensions_it_is_affine_still() -> None:
    source, target = two_views(8)

    state = fit("cca_affine", source, target, {"dimensions": 12, "ridge": 0.1})

    assert len(state["correlations"]) == 7
    plain = affine.affine(source, fit("affine", source, target, {"ridge": 0.1}))
    assert cca_affine.cca_affine(source, state) == pytest.approx(plain, abs=1e-4)


def test_what_two_spaces_share_is_found_in_few_dimensions_from_few_anchors() -> None:
    source, target = two_views(240, noise=0.5)
    state = fit("cca_affine", source[:40], target[:40], {"dimensions": 3})

    queries = cca_affine.in_subspace(source[40:], state, "source")
    candidates = cca_affine.in_subspace(target[40:], state, "target")

    assert queries.shape == candidates.shape == (200, 3)
    near = np.argsort(-(queries @ candidates.T), axis=1)[:, :20]
    assert np.mean([place in row for place, row in enumerate(near)]) > 0.5  # by chance 0.1


def test_no_more_dimensions_are_kept_than_the_anchors_allow() -> None:
    source, target = two_views(300)

    assert fit("cca_affine", source, target, {"dimensions": 99})["into"].shape == (12, 12)
    assert fit("cca_affine", source[:5], target[:5], {"dimensions": 99})["into"].shape == (12, 4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dimensions": 0}, "'dimensions': input should be"),
        ({"ridge": -1.0}, "'ridge': input should be"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit("cca_affine", *two_views(50), parameters)


def test_without_a_ridge_it_refuses_anchors_so_few_that_everything_would_correlate() -> None:
    source, target = two_views(27)

    with pytest.raises(InvalidInput, match=r"cca_affine without a ridge needs 28 anchors .* there are 27"):
        fit("cca_affine", source, target, {"ridge": 0.0})
