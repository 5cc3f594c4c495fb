"""Dense matching: who is a partner, and what a row without one counts."""

from __future__ import annotations

import numpy as np
import pytest
from support import textures
from tieback.methods.reranking import SUMMARY, rerankings
from tieback_contract.arrays import Array
from tieback_lab.methods.reranking.dense_matching import mutual_choices

AXES = np.eye(8)
SHARP = 0.01
BETWEEN = (AXES[0] + AXES[1]) / np.sqrt(2)


def score(query: Array, rows: Array, temperature: float, method: str = "dense_matching") -> float:
    parameters = {"temperature": temperature} if method == "dense_matching" else {}
    compare = rerankings.configure(method, parameters)
    return float(compare(query, rows[None], np.ones((1, len(rows)), bool), lambda: None)[0])


def weights(query: Array, rows: Array, temperature: float) -> Array:
    summarise = rerankings.form(SUMMARY, "dense_matching", {"temperature": temperature})
    found = summarise(query, rows[None], np.ones((1, len(rows)), bool), lambda: None)
    assert not found.is_plan
    return np.asarray(found.weights[0])


def test_a_row_whose_best_match_prefers_another_row_counts_by_its_mean_similarity() -> None:
    query, rows = np.stack([AXES[0], BETWEEN]), AXES[[0, 2]]

    assert weights(query, rows, SHARP) == pytest.approx(np.array([[0.5, 0], [0.25, 0.25]]), abs=1e-9)
    assert score(query, rows, SHARP) == pytest.approx((1 + np.sqrt(0.5) / 2) / 2)
    assert score(query, rows, SHARP, "late_interaction") == pytest.approx((1 + np.sqrt(0.5)) / 2)


def test_one_row_of_the_query_is_shared_by_a_softmax_of_its_similarities() -> None:
    rows = np.stack([AXES[0], BETWEEN, AXES[3]])

    choices = np.exp(np.array([1, np.sqrt(0.5), 0]) / 0.5)
    assert weights(AXES[:1], rows, 0.5) == pytest.approx(choices[None] / choices.sum())


def test_choices_are_the_product_of_the_two_softmaxes() -> None:
    similarities = np.random.default_rng(0).uniform(-1, 1, (3, 5, 7))

    found = mutual_choices(similarities, np.ones((3, 7), bool), temperature=0.3)

    choices = np.exp(similarities / 0.3)
    forward, backward = (choices / choices.sum(axis=axis, keepdims=True) for axis in (2, 1))
    assert found == pytest.approx(forward * backward)
    assert (found.sum(axis=2) <= 1).all()


def test_equal_rows_of_a_candidate_share_their_partner_and_change_no_score() -> None:
    twice = np.concatenate([AXES[:3], AXES[:3]])

    assert weights(AXES[:1], twice, SHARP)[0] == pytest.approx([0.5, 0, 0, 0.5, 0, 0], abs=1e-9)
    assert score(AXES[:3], twice, SHARP) == pytest.approx(1)


def test_one_row_of_a_candidate_is_not_counted_in_full_for_several_rows_of_the_query() -> None:
    query, rows = AXES[[0, 0, 0, 1]], AXES[:4]

    # Each of the three equal rows has a third of the one that they share, and the mean of 1/4 for the rest.
    assert score(query, rows, SHARP) == pytest.approx((3 * (1 / 3 + 2 / 3 / 4) + 1) / 4)
    assert score(query, rows, SHARP, "late_interaction") == pytest.approx(1)


def test_with_a_growing_temperature_all_pairs_count_alike() -> None:
    rng = np.random.default_rng(1)
    both = rng.normal(size=(12, 8))
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    query, rows = both[:5], both[5:]

    assert weights(query, rows, 100) == pytest.approx(np.full((5, 7), 1 / 35), rel=0.01)
    assert score(query, rows, 100) == pytest.approx((query @ rows.T).mean(), abs=0.01)


@pytest.mark.parametrize("temperature", [0.01, 0.05, 100.0])
def test_opposite_rows_and_masked_ones_give_finite_weights_that_sum_to_one(temperature: float) -> None:
    query, rows = AXES[[0, 0]], np.stack([-AXES[[0, 0, 0]], AXES[[0, 1, 2]]])
    mask = np.array([[True, False, True], [False, True, True]])

    found = rerankings.form(SUMMARY, "dense_matching", {"temperature": temperature})(
        query, rows, mask, lambda: None
    )

    assert found.weights.sum(axis=(1, 2)) == pytest.approx([1, 1])
    assert not found.weights[0, :, 1].any()
    assert not found.weights[1, :, 0].any()
    scores = (found.weights * found.similarities).sum(axis=(1, 2))
    assert scores == pytest.approx([-1, 0])


def test_views_of_textures_are_matched_better_than_by_raw_correlation_and_the_consistency_tells_where() -> (
    None
):
    found = textures.measured(seed=7)

    assert found[f"{textures.PCK}, dense_matching"] > found[f"{textures.PCK}, late_interaction"] + 2
    assert found[textures.TELLS] > found[textures.SIMILARITY_TELLS]
