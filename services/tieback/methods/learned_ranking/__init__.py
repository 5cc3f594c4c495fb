"""Learned ranking: candidates of a search in an order that was learned from judgements.

What is known of a candidate are its signals, numbers by name (`core/types/search.py`). A method says what
each signal adds to the score of each candidate, so the explanation of a score is exact. Its file holds the
method itself, which is all that serving needs (NumPy alone); `fit`, which learns its state of judged
candidates; and `STATE`, the arrays of that.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.family import Family, Form
from tieback.core.state import State


class LearnedRanking(Protocol):
    """A way to score candidates by their signals."""

    def __call__(self, signals: Array, state: State) -> Array:
        """What each signal adds to each score, `[candidates, signals]`; a score is the sum of its row.

        `signals` `[candidates, signals]` are of all candidates of one query. NaN stands for a signal that is
        absent, and adds nothing.
        """
        ...


class Fit(Protocol):
    """Learns a state of judged candidates."""

    def __call__(
        self, signals: Array, grades: Array, queries: Array, *, prior: Array, rising: Array
    ) -> State:
        """The state for `signals` `[n, signals]` with the `grades` `[n]`, 0 for what is not relevant.

        `queries` `[n]` are whole numbers; candidates of one query have the same. `prior` `[signals]` are the
        weights of a ranking that is known to be good. Where `rising` `[signals]` (bool), more of a signal
        never lowers a score.
        """
        ...


FIT: Form[Fit] = Form("fit", Fit, own_parameters=True)

learned_rankings: Family[LearnedRanking] = Family(
    __name__, LearnedRanking, FIT, called="method of learned ranking"
)

_FLAT = 1e-9
"""A signal whose standard deviation is smaller says nothing of the candidates' order."""


def standardised(signals: Array) -> Array:
    """Each signal of one query's candidates at mean 0 and deviation 1, float64; 0 where it is absent or flat.

    Encoders and collections differ in the range of their signals; how far a candidate stands out among the
    candidates of its query can be compared.
    """
    values = signals.astype(np.float64)
    known = np.isfinite(values)
    counts = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, values, 0.0)
    means = values.sum(axis=0) / counts
    deviations = np.where(known, values - means, 0.0)
    spread = np.sqrt((deviations**2).sum(axis=0) / counts)
    return np.asarray(np.where(spread > _FLAT, deviations / np.where(spread > _FLAT, spread, 1.0), 0.0))
