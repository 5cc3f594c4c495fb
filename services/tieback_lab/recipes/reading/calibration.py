"""Likelihoods that mean what they say, and the verdicts that are right often enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

EXPECTED_SUPPORTED = 1 / 3
"""The share of claims that is taken to be supported: a likelihood depends on it."""
RIDGE = 0.02
FEWEST = 20
"""Claims that a share is measured on."""
POINTS = np.linspace(0.02, 0.98, 49)


def weights_of(sources: Sequence[str], is_supported: Array) -> Array:
    """Weights `[n]`: each set counts alike, and of each the same share is supported."""
    found = np.zeros(len(sources))
    for source in set(sources):
        here = np.array([one == source for one in sources])
        for kind, share in ((is_supported, EXPECTED_SUPPORTED), (~is_supported, 1 - EXPECTED_SUPPORTED)):
            chosen = here & kind
            found[chosen] = share / max(int(chosen.sum()), 1)
    return np.asarray(found / found.sum())


def logistic(read: Array, is_true: Array, weights: Array, *, ridge: float = RIDGE) -> tuple[Array, float]:
    """Coefficients `[columns]` and the constant of a logistic regression with a ridge on standard columns."""
    from scipy.optimize import minimize  # takes a while, and recipes are listed without it

    mean, spread = read.mean(axis=0), read.std(axis=0) + 1e-6
    columns = np.concatenate([(read - mean) / spread, np.ones((len(read), 1))], axis=1)

    def loss(found: Array) -> tuple[float, Array]:
        logits = columns @ found
        held = np.append(found[:-1], 0.0)
        value = weights @ (np.logaddexp(0, logits) - is_true * logits) + ridge / 2 * held @ held
        slope = (weights * (1 / (1 + np.exp(-logits)) - is_true)) @ columns + ridge * held
        return float(value), slope

    found = minimize(loss, np.zeros(columns.shape[1]), jac=True, method="L-BFGS-B").x
    slopes = found[:-1] / spread
    return slopes.astype(np.float32), float(found[-1] - slopes @ mean)


def unsupported_up_to(likely: Array, is_supported: Array, weights: Array) -> Array:
    """Of the claims up to each of `POINTS` the share that is not supported `[points]`; 0 of a few. A share
    that falls again is taken for noise.
    """
    shares = [_share(~is_supported, likely <= point, weights) for point in POINTS]
    return np.asarray(np.maximum.accumulate(shares[::-1])[::-1])


def _share(is_right: Array, chosen: Array, weights: Array) -> float:
    if chosen.sum() < FEWEST:
        return 0.0
    return float(weights[chosen] @ is_right[chosen] / weights[chosen].sum())


def auc(scores: Array, own: Array) -> float:
    """Share of pairs in which one that is `own` has a higher score than another; equal scores count a half.

    NaN where there are none of one kind.
    """
    from scipy.stats import rankdata  # as above

    ones, others = int(own.sum()), int((~own).sum())
    if not ones or not others:
        return float("nan")
    return float((rankdata(scores)[own].sum() - ones * (ones + 1) / 2) / (ones * others))


def balanced(ticked: Array, own: Array) -> float:
    """The mean of the shares of right verdicts among those that are `own` and the others; of one kind, its
    share.
    """
    shares = [float(right.mean()) for right in (ticked[own], ~ticked[~own]) if len(right)]
    return sum(shares) / len(shares)


def least_right(right: Array, chosen: Array, domains: Array, fewest: int) -> float:
    """The least share that is right of the chosen ones of a domain that has `fewest` of them; 0 where none
    has.
    """
    shares = [
        float(right[chosen & (domains == one)].mean())
        for one in sorted(set(domains[chosen]))
        if int((chosen & (domains == one)).sum()) >= fewest
    ]
    return min(shares, default=0.0)
