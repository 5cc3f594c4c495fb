"""Measures of scores on sets that were left out, for reports."""

from __future__ import annotations

from tieback_contract.arrays import Array


def auc(scores: Array, own: Array) -> float:
    """Share of pairs in which one that is `own` has a higher score than another; equal scores count a half.

    NaN where there are none of one kind.
    """
    from scipy.stats import rankdata  # takes a while, and recipes are listed without it

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
