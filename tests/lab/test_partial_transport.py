"""Partial transport: what it leaves out, and what it becomes at the ends of its relaxation."""

from __future__ import annotations

import numpy as np
import pytest
from support import transport_trials
from support.each import each
from tieback.core.errors import DeadlineExceeded
from tieback.methods.reranking import PASSES, SUMMARY, rerankings
from tieback_contract.arrays import Array
from tieback_lab.methods.reranking.partial_transport import relaxed_transport

AXES = np.eye(16)
RELAXED = (0.05, 0.2, 1.0)


def random_costs(rng: np.random.Generator, m: int, n: int) -> Array:
    rows = rng.normal(size=(m + n, 12))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(1 - rows[:m] @ rows[m:].T)


def plan_of(costs: Array, *, relaxation: float, beta: float = 0.1, iterations: int = 1000) -> Array:
    mask = np.ones((1, costs.shape[1]), bool)
    plans = relaxed_transport(costs[None], mask, relaxation=relaxation, beta=beta, iterations=iterations)
    return np.asarray(plans[0])


def score(method: str, query: Array, rows: Array, **parameters: float) -> float:
    compare = rerankings.configure(method, parameters)
    return float(compare(query, rows[None], np.ones((1, len(rows)), bool), lambda: None)[0])


def divergence(plan: Array) -> float:
    """The Kullback–Leibler divergence of what a candidate's rows receive from even shares."""
    received = plan.sum(axis=0)
    return float((received * np.log(received * len(received))).sum())


def test_parts_of_a_candidate_without_a_counterpart_cost_nothing() -> None:
    query, rambling = AXES[:4], AXES  # the four rows of the query, and twelve that are not like them

    assert score("partial_transport", query, rambling) == pytest.approx(1, abs=0.001)
    assert score("optimal_transport", query, rambling) == pytest.approx(0.25, abs=0.001)


def test_parts_of_the_query_without_a_counterpart_cost_all_the_same() -> None:
    half_answered = np.concatenate([AXES[:2], AXES[10:14]])

    assert score("partial_transport", AXES[:4], half_answered) == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("relaxation", RELAXED)
def test_the_mass_of_one_row_is_spread_by_a_softmax_of_the_costs(relaxation: float) -> None:
    costs = np.array([[0.1, 0.4, 1.3]])

    plan = plan_of(costs, relaxation=relaxation)

    softmax = np.exp(-costs / relaxation)
    assert plan == pytest.approx(softmax / softmax.sum(), abs=1e-9)


@pytest.mark.parametrize("relaxation", RELAXED)
def test_plans_are_optimal_by_the_dual_problem(relaxation: float) -> None:
    rng = np.random.default_rng(0)

    for _ in range(10):
        m, n = int(rng.integers(2, 12)), int(rng.integers(2, 30))
        costs = random_costs(rng, m, n)
        plan = plan_of(costs, relaxation=relaxation)
        # No plan is better than the value of the dual at any potentials; these follow from the plan's masses.
        potential = -relaxation * np.log(plan.sum(axis=0) * n)
        bound = (costs - potential).min(axis=1).mean()
        assert (plan * costs).sum() + relaxation * divergence(plan) - bound == pytest.approx(0, abs=1e-3)


def test_with_a_growing_relaxation_it_becomes_optimal_transport() -> None:
    rng = np.random.default_rng(1)

    for _ in range(10):
        both = rng.normal(size=(int(rng.integers(5, 40)), 12))
        both /= np.linalg.norm(both, axis=1, keepdims=True)
        query, rows = both[:4], both[4:]
        exact = score("optimal_transport", query, rows, iterations=2000)
        found = score("partial_transport", query, rows, relaxation=1e6, iterations=2000)
        assert found == pytest.approx(exact, abs=1e-4)


def test_with_a_vanishing_relaxation_it_becomes_late_interaction() -> None:
    rng = np.random.default_rng(2)
    both = rng.normal(size=(30, 12))
    both /= np.linalg.norm(both, axis=1, keepdims=True)

    found = score("partial_transport", both[:6], both[6:], relaxation=0.001, beta=0.01, iterations=500)

    assert found == pytest.approx(score("late_interaction", both[:6], both[6:]), abs=0.005)


def test_the_larger_the_relaxation_the_more_evenly_a_candidate_is_used() -> None:
    costs = random_costs(np.random.default_rng(3), 6, 10)

    found = [divergence(plan_of(costs, relaxation=relaxation)) for relaxation in (0.05, 0.2, 1.0, 5.0)]

    assert found == sorted(found, reverse=True)
    assert found[0] > 10 * found[-1]


@each("relaxation", [0.001, 0.1, 1e6])
@each("beta", [0.01, 0.1, 100.0])
def test_each_row_of_the_query_sends_its_whole_mass_at_every_end_of_the_parameters(
    relaxation: float, beta: float
) -> None:
    rng = np.random.default_rng(4)
    costs = np.stack([random_costs(rng, 5, 20), np.full((5, 20), 2.0), rng.choice([0.0, 2.0], (5, 20))])
    mask = np.arange(20) < np.array([[20], [7], [13]])

    plans = relaxed_transport(costs, mask, relaxation=relaxation, beta=beta, iterations=2000)

    assert plans.sum(axis=2) == pytest.approx(np.full((3, 5), 1 / 5), abs=1e-9)
    assert (plans >= 0).all()
    assert not plans[~np.broadcast_to(mask[:, None], plans.shape)].any()


def test_the_plan_is_shown_as_one_and_each_iteration_is_paid_for() -> None:
    summarise = rerankings.form(SUMMARY, "partial_transport")
    found = summarise(AXES[:2], AXES[None, :3], np.ones((1, 3), bool), lambda: None)
    few, many = (rerankings.form(PASSES, "partial_transport", {"iterations": n})(64) for n in (10, 500))

    assert found.is_plan
    assert found.weights[0] == pytest.approx(np.array([[0.5, 0, 0], [0, 0.5, 0]]), abs=1e-3)
    assert many - few == 490


def test_a_caller_that_has_gone_away_ends_the_iterations() -> None:
    def checkpoint() -> None:
        raise DeadlineExceeded("nobody waits")

    compare = rerankings.configure("partial_transport")
    with pytest.raises(DeadlineExceeded):
        compare(AXES[:2], AXES[None], np.ones((1, 16), bool), checkpoint)


def test_among_much_that_is_beside_the_point_the_matched_candidate_is_found_more_often() -> None:
    found = transport_trials.preferred(seed=7, unrelated=transport_trials.MANY)

    assert found["partial_transport"] >= found["optimal_transport"] + transport_trials.POINTS
