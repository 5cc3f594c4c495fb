"""What every reranking method promises, late interaction, and method 41, optimal transport as in UNITER."""

from collections.abc import Sequence

import numpy as np
import ot as pot
import pytest
from support.each import each
from support.lab import all_names
from support.lab import lab as lab
from tieback.methods.reranking import SUMMARY, Alignments, rerankings
from tieback_contract.arrays import Array
from tieback_lab.methods.reranking.optimal_transport import transport

WIDTH = 64


def unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def random_rows(rng: np.random.Generator, count: int) -> Array:
    return unit(rng.normal(size=(count, WIDTH)))


def planted(rng: np.random.Generator, count: int, noise: float) -> tuple[Array, Array, Array]:
    """Rows and noisy copies of them in another order: (rows, copies, where each row's copy is)."""
    rows = random_rows(rng, count)
    order = rng.permutation(count)
    copies = np.empty_like(rows)
    copies[order] = rows + noise * random_rows(rng, count)
    return rows, unit(copies), order


def padded(candidates: Sequence[Array]) -> tuple[Array, Array]:
    longest = max(len(candidate) for candidate in candidates)
    tokens = np.zeros((len(candidates), longest, WIDTH))
    mask = np.zeros((len(candidates), longest), bool)
    for row, candidate in enumerate(candidates):
        tokens[row, : len(candidate)], mask[row, : len(candidate)] = candidate, True
    return tokens, mask


def score(method: str, query: Array, *candidates: Array) -> Array:
    return rerankings.configure(method)(query, *padded(candidates), lambda: None)


def align(method: str, query: Array, *candidates: Array) -> Alignments:
    return rerankings.form(SUMMARY, method)(query, *padded(candidates), lambda: None)


@each("method", all_names(rerankings))
def test_a_candidate_equal_to_the_query_scores_one_and_an_unrelated_one_less(method: str) -> None:
    rng = np.random.default_rng(0)
    query = random_rows(rng, 5)

    found = score(method, query, query, random_rows(rng, 5))

    assert found[0] == pytest.approx(1, abs=0.01)
    assert found[1] < 0.6


@each("method", all_names(rerankings))
def test_padding_changes_no_score_and_is_aligned_with_nothing(method: str) -> None:
    rng = np.random.default_rng(1)
    query, short, long = random_rows(rng, 4), random_rows(rng, 3), random_rows(rng, 40)

    together = score(method, query, short, long)

    alone = [score(method, query, short)[0], score(method, query, long)[0]]
    assert together == pytest.approx(alone, abs=1e-9)
    assert not align(method, query, short, long).weights[0, :, 3:].any()


@each("method", all_names(rerankings))
def test_the_explanation_is_the_score_taken_apart(method: str) -> None:
    rng = np.random.default_rng(2)
    given = random_rows(rng, 6), random_rows(rng, 9), random_rows(rng, 12)

    found = align(method, *given)

    assert (found.weights * found.similarities).sum(axis=(1, 2)) == pytest.approx(score(method, *given))
    assert found.weights.sum(axis=(1, 2)) == pytest.approx([1, 1])


@each("method", all_names(rerankings))
def test_the_order_of_rows_changes_no_score_and_moves_the_alignment_with_them(method: str) -> None:
    rng = np.random.default_rng(8)
    query, candidate = random_rows(rng, 5), random_rows(rng, 9)
    of_query, of_candidate = rng.permutation(5), rng.permutation(9)

    given, moved = (query, candidate), (query[of_query], candidate[of_candidate])

    assert score(method, *moved) == pytest.approx(score(method, *given), abs=1e-9)
    weights = align(method, *given).weights[0]
    assert align(method, *moved).weights[0] == pytest.approx(weights[of_query][:, of_candidate], abs=1e-9)


@each("method", all_names(rerankings))
def test_whatever_lies_under_the_mask_is_as_if_it_were_not_there(method: str) -> None:
    rng = np.random.default_rng(9)
    query, candidate = random_rows(rng, 4), random_rows(rng, 10)
    candidate[::3] = query  # the four best matches are masked
    mask = np.arange(10) % 3 != 0

    hidden = rerankings.configure(method)(query, candidate[None], mask[None], lambda: None)

    assert hidden == pytest.approx(score(method, query, candidate[mask]), abs=1e-9)


def test_late_interaction_is_the_mean_of_the_best_similarities() -> None:
    query = unit(np.eye(WIDTH)[:2])
    candidate = unit(np.stack([query[0] + query[1], query[0]]))

    found = score("late_interaction", query, candidate)

    assert found[0] == pytest.approx((1 + np.sqrt(0.5)) / 2)
    assert align("late_interaction", query, candidate).weights[0].tolist() == [[0, 0.5], [0.5, 0]]


def test_a_planted_alignment_of_the_rows_that_count_is_recovered_by_every_method() -> None:
    rng = np.random.default_rng(3)

    for method in rerankings.names():
        hits: list[bool] = []
        for _ in range(20):
            rows, copies, order = planted(rng, 12, noise=0.8)
            weights = align(method, rows, copies).weights[0]
            counted = weights.any(axis=1)
            hits += (weights.argmax(axis=1) == order)[counted].tolist()
        assert np.mean(hits) >= 0.9, method


def test_transport_with_the_papers_settings_is_within_a_hundredth_of_the_exact_optimum() -> None:
    rng = np.random.default_rng(4)

    for _ in range(20):
        m, n = int(rng.integers(4, 20)), int(rng.integers(4, 60))
        costs = 1 - random_rows(rng, m) @ random_rows(rng, n).T
        plan = transport(costs[None], np.ones((1, n), bool), beta=0.5, iterations=50)[0]
        exact = pot.emd2(np.full(m, 1 / m), np.full(n, 1 / n), costs)
        assert (plan * costs).sum() == pytest.approx(exact, rel=0.01)


def test_transport_spreads_mass_evenly_over_query_and_candidate() -> None:
    rng = np.random.default_rng(5)

    for _ in range(20):
        m, n = int(rng.integers(4, 20)), int(rng.integers(4, 60))
        mask = np.arange(60) < n
        costs = 1 - random_rows(rng, m) @ random_rows(rng, 60).T
        plan = transport(costs[None], mask[None], beta=0.5, iterations=50)[0]
        assert np.abs(plan.sum(axis=1) - 1 / m).max() < 1e-3
        assert np.abs(plan.sum(axis=0) - mask / n).max() < 1e-3


def test_matched_sets_cost_less_than_shuffled_ones_in_almost_all_cases() -> None:
    rng = np.random.default_rng(6)
    wins = []

    for _ in range(100):
        rows, copies, _ = planted(rng, 10, noise=1.5)
        other, _, _ = planted(rng, 10, noise=1.5)
        half_shuffled = np.concatenate([copies[:5], other[:5]])
        found = score("optimal_transport", rows, copies, half_shuffled)
        wins.append(found[0] > found[1])

    assert np.mean(wins) >= 0.95


def test_transport_stays_finite_where_nothing_is_alike() -> None:
    costs = np.full((1, 3, 4), 2.0)

    plan = transport(costs, np.ones((1, 4), bool), beta=0.01, iterations=2000)

    assert plan == pytest.approx(np.full((1, 3, 4), 1 / 12))


def test_transport_counts_what_a_candidate_says_beside_the_point_and_late_interaction_does_not() -> None:
    rng = np.random.default_rng(7)
    query = random_rows(rng, 4)
    rambling = np.concatenate([query, random_rows(rng, 12)])

    assert score("late_interaction", query, rambling)[0] == pytest.approx(1)
    assert score("optimal_transport", query, rambling)[0] < 0.7
