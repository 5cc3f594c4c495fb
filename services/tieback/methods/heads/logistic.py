"""Logistic regression over all classes at once.

Multinomial, with a penalty on the squared weights, which is what few examples need. The probabilities are as
sharp as cross-validation allows: on vectors of length 1 those of the regression itself are too even.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.heads import heads
from tieback.methods.heads._linear import STATE as STATE
from tieback.methods.heads._linear import Cost, linear, scores, softmax


@heads.method
def logistic(vectors: Array, state: State) -> Array:
    """softmax(f W + b)."""
    return softmax(scores(vectors, state))


def fit(vectors: Array, labels: Array, *, c: Cost = 10.0) -> State:
    """`c` is what an example's loss costs beside the squared weights: the larger, the closer the fit."""
    found = linear(vectors, labels, loss, c)
    return {"weights": found.weights, "offsets": found.offsets}


def loss(values: Array, is_own: Array) -> tuple[float, Array]:
    """The sum of -log of the own classes' probabilities, and its slope `[n, classes]`."""
    likely = softmax(values)
    own = (likely * is_own).sum(axis=1)
    return -float(np.log(np.maximum(own, 1e-300)).sum()), likely - is_own
