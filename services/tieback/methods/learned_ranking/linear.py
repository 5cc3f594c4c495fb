"""A weighted sum of standardised signals, learned from pairs (LambdaRank; Burges, 2010, MSR-TR-2010-82).

Each signal is at mean 0 and deviation 1 among the candidates of a query. Of two candidates with different
grades, the better one should have the higher score; the loss of a pair is that of logistic regression, times
what exchanging the two would change in nDCG@10. The order by which that is measured is that of the weights
so far, so it is fitted in rounds. The weights start at those of a known ranking, and what moves them away
from it costs: signals that do not help stay where they were. Weights of rising signals are never negative.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.state import Schema, State
from tieback.methods.learned_ranking import learned_rankings, standardised

STATE: Schema = {"weights": ("signals",)}

BEST = 10
"""nDCG is measured at so many candidates."""

_BELOW = 0.3
"""What a place below the best counts, as a share of its discount: else nothing is learned from there."""

_SMALL = 1e-6


@learned_rankings.method
def linear(signals: Array, state: State) -> Array:
    """Weight · (value − mean) / deviation."""
    return np.asarray(standardised(signals) * state["weights"].astype(np.float64))


def fit(
    signals: Array,
    grades: Array,
    queries: Array,
    *,
    prior: Array,
    rising: Array,
    penalty: Annotated[float, Field(gt=0)] = 0.05,
    rounds: Annotated[int, Field(ge=1, le=100)] = 6,
    pairs: Annotated[int, Field(ge=1)] = 300,
) -> State:
    """`penalty` is for a squared change of a weight beside the loss of a query.

    Of each query the `pairs` that change nDCG most are learned from. Queries all count alike.
    """
    groups = [np.flatnonzero(queries == query) for query in np.unique(queries)]
    groups = [rows for rows in groups if np.ptp(grades[rows]) > 0]
    values = {int(rows[0]): standardised(signals[rows]) for rows in groups}
    weights = prior.astype(np.float64)
    start = None
    if not groups:
        return {"weights": weights}
    for _ in range(rounds):
        found = [_pairs(values[int(rows[0])], grades[rows], weights, pairs) for rows in groups]
        differences = np.concatenate([one for one, _ in found])
        counts = np.concatenate([share for _, share in found]) / len(groups)
        if start is None:
            start = weights = _scaled(differences, counts, weights)
        weights = _minimum(differences, counts, weights, start, rising, penalty)
    return {"weights": weights}


def _scaled(differences: Array, counts: Array, prior: Array) -> Array:
    """The prior in the scale that explains the pairs best: its order stays, and the penalty keeps it."""
    along = (differences @ prior)[:, None]
    one, none = np.ones(1), np.zeros(1)
    return prior * float(_minimum(along, counts, one, none, np.ones(1, bool), _SMALL)[0])


def _pairs(values: Array, grades: Array, weights: Array, most: int) -> tuple[Array, Array]:
    """Better less worse candidates, `[pairs, signals]`, and what exchanging two changes, `[pairs]`."""
    order = np.argsort(-(values @ weights), kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    discounts = 1 / np.log2(places + 2.0)
    discounts = np.where(places < BEST, discounts, _BELOW * discounts)
    gains = 2.0**grades - 1
    ideal = np.sort(gains)[::-1][:BEST]
    best = float((ideal / np.log2(np.arange(len(ideal)) + 2.0)).sum())
    better, worse = np.nonzero(grades[:, None] > grades)
    changes = np.abs((gains[better] - gains[worse]) * (discounts[better] - discounts[worse])) / best
    if len(changes) > most:
        kept = np.argsort(-changes, kind="stable")[:most]
        better, worse, changes = better[kept], worse[kept], changes[kept]
    return values[better] - values[worse], changes


def _minimum(
    differences: Array, counts: Array, start: Array, prior: Array, rising: Array, penalty: float
) -> Array:
    """The weights with the least loss within the bounds, by SciPy's L-BFGS-B."""
    from scipy.optimize import minimize  # takes 0.2 s, which a start of the server should not

    def loss(weights: Array) -> tuple[float, Array]:
        margins, moved = differences @ weights, weights - prior
        wrong = np.exp(-np.logaddexp(0, margins))
        value = counts @ np.logaddexp(0, -margins) + penalty / 2 * moved @ moved
        return float(value), penalty * moved - (counts * wrong) @ differences

    bounds = [(0, None) if one else (None, None) for one in rising]
    options = {"gtol": _SMALL, "ftol": 0.0}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(found.x, np.float64)
