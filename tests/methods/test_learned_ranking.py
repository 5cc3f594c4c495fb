"""Learned rankings: what they learn of planted judgements, and how their scores are explained."""

import numpy as np
import pytest
from tieback.methods.learned_ranking import FIT, learned_rankings, standardised
from tieback_contract.arrays import Array

QUERIES, CANDIDATES = 30, 20
PRIOR = np.array([1.0, 0.0, 0.0, 0.0])
RISING = np.array([True, True, True, False])


def planted(seed: int) -> tuple[Array, Array, Array]:
    """Candidates whose grade rises by the second signal and falls by the others, the third and fourth."""
    draw = np.random.default_rng(seed)
    signals = draw.normal(size=(QUERIES * CANDIDATES, 4))
    hidden = 2 * signals[:, 1] - signals[:, 2] - signals[:, 3] + 0.3 * draw.normal(size=len(signals))
    queries = np.repeat(np.arange(QUERIES), CANDIDATES)
    return signals, (hidden > 2).astype(float), queries


def fit(**parameters: float) -> Array:
    signals, grades, queries = planted(0)
    learn = learned_rankings.form(FIT, "linear", parameters)
    return learn(signals, grades, queries, prior=PRIOR, rising=RISING)["weights"]


def separated(weights: Array) -> float:
    """The share of pairs of unseen candidates in the right order."""
    signals, grades, queries = planted(1)
    shares = []
    for query in range(QUERIES):
        rows = queries == query
        scores = standardised(signals[rows]) @ weights
        better, worse = np.nonzero(grades[rows][:, None] > grades[rows])
        shares += (scores[better] > scores[worse]).tolist()
    return float(np.mean(shares))


def test_a_fit_orders_unseen_candidates_better_than_the_prior() -> None:
    learned = fit(penalty=0.01)

    assert separated(PRIOR) < 0.6
    assert separated(learned) > 0.85


def test_a_rising_signal_never_gets_a_negative_weight_and_another_may() -> None:
    learned = fit(penalty=0.01)

    assert (learned[RISING] >= 0).all()
    assert learned[2] == 0
    assert learned[3] < -0.1


def test_a_large_penalty_keeps_the_order_of_the_prior() -> None:
    signals, grades, queries = planted(0)
    learn = learned_rankings.form(FIT, "linear", {"penalty": 1e6})
    prior = np.array([0.5, 1.0, 0.0, 0.0])

    found = learn(signals, grades, queries, prior=prior, rising=RISING)["weights"]

    assert found[1] > 0.1
    assert found / found[1] == pytest.approx(prior, abs=1e-3)


def test_without_anything_to_tell_apart_the_prior_stays() -> None:
    signals, grades, queries = planted(0)
    learn = learned_rankings.form(FIT, "linear")

    found = learn(signals, np.zeros_like(grades), queries, prior=PRIOR, rising=RISING)

    assert found["weights"].tolist() == PRIOR.tolist()


def test_the_scale_and_the_offset_of_a_signal_change_no_contribution() -> None:
    signals, _, _ = planted(0)
    state = {"weights": np.array([1.0, 2.0, 0.5, -1.0])}
    linear = learned_rankings.get("linear")

    moved = linear(signals * [3, 0.1, 7, 100] + [5, -2, 0, 1000], state)

    assert moved == pytest.approx(linear(signals, state))


def test_an_absent_signal_adds_nothing_and_changes_nothing_of_the_others() -> None:
    signals, _, _ = planted(0)
    state = {"weights": np.array([1.0, 2.0, 0.5, -1.0])}
    linear = learned_rankings.get("linear")
    lacking = signals.copy()
    lacking[:, 2] = np.nan
    lacking[3, 1] = np.nan

    added = linear(lacking, state)

    assert (added[:, 2] == 0).all()
    assert added[3, 1] == 0
    assert added[:, [0, 3]] == pytest.approx(linear(signals, state)[:, [0, 3]])


def test_a_signal_that_is_the_same_for_all_adds_nothing() -> None:
    signals = np.array([[1.0, 0.3], [2.0, 0.3]])

    added = learned_rankings.get("linear")(signals, {"weights": np.array([1.0, 5.0])})

    assert added.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
