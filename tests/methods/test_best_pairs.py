"""The most similar pairs of rows alone count."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.methods.reranking import SUMMARY, rerankings
from tieback_contract.arrays import Array

AXES = np.eye(8)
BETWEEN = (AXES[0] + AXES[1]) / np.sqrt(2)


def score(query: Array, rows: Array, pairs: int = 1, mask: Array | None = None) -> float:
    mask = np.ones((1, len(rows)), bool) if mask is None else mask
    compare = rerankings.configure("best_pairs", {"pairs": pairs})
    return float(compare(query, rows[None], mask, lambda: None)[0])


def test_a_shared_row_counts_whatever_else_both_sides_have() -> None:
    query, shows_it = AXES[[0, 1, 2, 3]], AXES[[4, 5, 0]]
    resembles = np.stack([AXES[4], BETWEEN, (AXES[2] + AXES[3]) / np.sqrt(2)])

    assert score(query, shows_it) == pytest.approx(1)
    assert score(query, resembles) == pytest.approx(np.sqrt(0.5))
    late = rerankings.configure("late_interaction")
    both = late(query, np.stack([shows_it, resembles]), np.ones((2, 3), bool), lambda: None)
    assert both[0] < both[1]


def test_several_pairs_share_the_score_and_are_shown() -> None:
    query, rows = AXES[[0, 1]], np.stack([AXES[0], BETWEEN])

    found = rerankings.form(SUMMARY, "best_pairs", {"pairs": 3})(
        query, rows[None], np.ones((1, 2), bool), lambda: None
    )

    assert found.weights[0] == pytest.approx(np.array([[1, 1], [0, 1]]) / 3)
    assert score(query, rows, pairs=3) == pytest.approx((1 + 2 * np.sqrt(0.5)) / 3)


def test_padding_is_no_pair_where_there_are_fewer_than_are_asked_for() -> None:
    query, rows = AXES[[0]], AXES[[1, 0, 0]]
    mask = np.array([[True, False, False]])

    assert score(query, rows, pairs=2, mask=mask) == pytest.approx(0)
    assert score(query, rows, pairs=64) == pytest.approx(2 / 3)
