"""Orthogonal Procrustes, between spaces of one width and of two."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.methods.projection import fit, projections, unit_rows

WIDTH, ANCHORS = 16, 60


def drawn(width: int, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(ANCHORS, width)))


def rotation(rows: int, columns: int) -> np.ndarray:
    """Orthonormal rows or columns, whichever are fewer."""
    square = np.linalg.qr(np.random.default_rng(1).normal(size=(max(rows, columns),) * 2))[0]
    return square[:rows, :columns]


def test_a_rotation_is_recovered_exactly_also_for_vectors_that_were_no_anchors() -> None:
    source, turn = drawn(WIDTH), rotation(WIDTH, WIDTH)

    state = fit("procrustes", source, source @ turn)

    assert state["rotation"] == pytest.approx(turn, abs=1e-5)
    others = drawn(WIDTH, seed=5)
    assert projections.get("procrustes")(others, state) == pytest.approx(others @ turn, abs=1e-5)


def test_into_a_wider_space_distances_stay_what_they_were() -> None:
    source = drawn(12)
    target = source @ rotation(12, WIDTH)

    state = fit("procrustes", source, target + 0.1 * drawn(WIDTH, seed=2))

    assert state["rotation"] @ state["rotation"].T == pytest.approx(np.eye(12), abs=1e-5)


def test_into_a_narrower_space_its_columns_are_orthonormal() -> None:
    source = drawn(WIDTH)

    state = fit("procrustes", source, source @ rotation(WIDTH, 12))

    assert state["rotation"].shape == (WIDTH, 12)
    assert state["rotation"].T @ state["rotation"] == pytest.approx(np.eye(12), abs=1e-5)


def test_no_other_rotation_brings_noisy_anchors_nearer() -> None:
    source = drawn(WIDTH)
    target = source @ rotation(WIDTH, WIDTH) + 0.3 * drawn(WIDTH, seed=2)
    state = fit("procrustes", source, target, {"centred": False})
    least = np.linalg.norm(source @ state["rotation"] - unit_rows(target))

    draw = np.random.default_rng(3)
    for _ in range(20):
        bent = np.linalg.qr(state["rotation"] + 0.05 * draw.normal(size=(WIDTH, WIDTH)))
        other = bent[0] * np.sign(np.diag(bent[1]))
        assert np.linalg.norm(source @ other - unit_rows(target)) > least


def test_it_needs_one_anchor_more_than_the_narrower_space_is_wide() -> None:
    source = drawn(WIDTH)

    fit("procrustes", source[:13], source[:13, :12])
    with pytest.raises(InvalidInput, match=r"procrustes needs 13 anchors .* there are 12"):
        fit("procrustes", source[:12], source[:12, :12])
