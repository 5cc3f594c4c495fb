"""Log-probabilities of the tokens that are written, and of the likeliest in their place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tieback_contract.answers import ScoredToken, TokenScore
from tieback_contract.arrays import Array

from tieback.methods.decoding import log_probabilities

LEAST = -1000.0
"""The log-probability of an excluded token; minus infinity is no number of JSON."""


def scored(token: int, scores: Array, most: int, text_of: Callable[[int], str]) -> ScoredToken:
    """The token by its scores `[vocabulary]`, with the `most` likeliest ones, best first."""
    found = np.maximum(log_probabilities(scores.astype(np.float64)), LEAST)
    best = np.argsort(-found, kind="stable")[:most] if most else ()

    def one(number: int) -> TokenScore:
        return TokenScore(number, text_of(number), float(found[number]))

    return ScoredToken(one(token), [one(int(number)) for number in best])
