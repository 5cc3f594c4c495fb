"""An exact search stays exact where it looks at copies in bytes first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from support.each import each
from tieback.index.vectors.byte_scan import ByteScan
from tieback.index.vectors.flat import SCANNED_FROM, FlatVectors

Floats = NDArray[np.float32]
WIDTH, COUNT, LIMIT = 64, SCANNED_FROM + 500, 10


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def vectors(seed: int = 0) -> Floats:
    return unit(np.random.default_rng(seed).standard_normal((COUNT, WIDTH)).astype(np.float32))


def filled(rows: Floats) -> FlatVectors:
    flat = FlatVectors(WIDTH)
    flat.put(np.arange(len(rows)), rows)
    return flat


def brute(rows: Floats, query: Floats, allowed: NDArray[np.bool_], limit: int = LIMIT) -> Floats:
    return np.asarray(np.sort((rows @ query)[allowed])[::-1][:limit])


def test_vectors_that_copies_cannot_tell_apart_are_in_their_exact_order() -> None:
    rows = vectors()
    rows[100:130] = rows[7] + np.linspace(0, 3e-5, 30, dtype=np.float32)[:, None] * rows[7]
    query = rows[7]

    positions, similarities = filled(rows).search(query, LIMIT, np.ones(COUNT, bool))

    assert positions.tolist() == np.argsort(-(rows @ query), kind="stable")[:LIMIT].tolist()
    rounding = 2 * float(np.spacing(np.float32(1)))
    assert similarities == pytest.approx(brute(rows, query, np.ones(COUNT, bool)), abs=rounding)


def test_more_equal_vectors_than_candidates_are_searched_exactly() -> None:
    rows = vectors()
    rows[500:900] = rows[3] * np.float32(0.99999)
    rows[899] = rows[3]

    positions, _ = filled(rows).search(rows[3], 2, np.ones(COUNT, bool))

    assert set(positions.tolist()) == {3, 899}


@each("scale", [1e-9, 1e-3, 1.0, 1e4, 1e6])
@each("share", [1.0, 0.5, 0.001])
def test_the_best_are_those_of_all_products_whatever_the_scale_and_the_mask(
    scale: float, share: float
) -> None:
    rows = vectors(1) * np.float32(scale)
    allowed = np.random.default_rng(2).random(COUNT) < share
    flat = filled(rows)
    for query in vectors(3)[:20]:
        positions, similarities = flat.search(query, LIMIT, allowed)

        assert allowed[positions].all()
        assert similarities == pytest.approx(brute(rows, query, allowed), rel=1e-5)


def test_a_vector_that_is_put_again_is_found_where_it_is_now() -> None:
    rows = vectors()
    flat = filled(rows)
    moved = unit(np.full((1, WIDTH), 0.5, np.float32))

    flat.put(np.array([11]), moved)
    positions, similarities = flat.search(moved[0], 1, np.ones(COUNT, bool))

    assert positions.tolist() == [11]
    assert similarities[0] == pytest.approx(1.0, abs=1e-6)


def test_ordinary_vectors_are_answered_by_the_scan() -> None:
    rows = vectors()

    positions, others = ByteScan(rows).candidates(rows[0], LIMIT, None)

    assert np.sort(rows[positions] @ rows[0])[-LIMIT] > others  # so the answer is proven exact


def test_no_other_vector_has_more_than_the_scan_says() -> None:
    rows = vectors(4)
    scan = ByteScan(rows)
    scan.put(np.arange(200), vectors(5)[:200] * 3)  # far outside the ranges
    rows[:200] = vectors(5)[:200] * 3
    for query in vectors(6)[:50]:
        positions, others = scan.candidates(query, LIMIT, None)

        assert np.delete(rows @ query, positions).max() <= others


@pytest.mark.parametrize("value", [70_000.0, 1e30, 3e38])
def test_vectors_far_outside_the_ranges_are_found_and_soon_copied_well(value: float) -> None:
    rows = vectors()
    flat = filled(rows)
    far = np.arange(COUNT, COUNT + COUNT // 10)
    flat.put(far[:1], np.full((1, WIDTH), value, np.float32))

    with np.errstate(over="ignore"):
        assert flat.search(np.full(WIDTH, 1e-3, np.float32), 1, np.ones(COUNT + 1, bool))[0].tolist() == [
            COUNT
        ]

    for position in far[1:]:
        flat.put(np.array([position]), rows[:1])
    assert flat._scan is not None
    assert flat._scan._wrong.max() <= 0.5 * WIDTH**0.5


def test_dimensions_and_queries_of_zeros_have_similarity_zero() -> None:
    rows = vectors()
    rows[:, 5] = 0
    query = np.eye(1, WIDTH, 5, dtype=np.float32)[0]

    positions, similarities = filled(rows).search(query, LIMIT, np.ones(COUNT, bool))

    assert len(positions) == LIMIT
    assert not similarities.any()
