"""Linear support vector machines, one class against the rest.

Razavian et al. (2014, arXiv:1403.6382) put them on features of length 1 of a network that was trained for
something else, with 4,096 dimensions, and find that little beats that. The hinge is squared, as LIBLINEAR has
it by default. The paper also averages the features of augmented pictures, which is left out here.
"""

from __future__ import annotations

import numpy as np
from tieback.core.state import State
from tieback.methods.heads import heads
from tieback.methods.heads._linear import STATE as STATE
from tieback.methods.heads._linear import Cost, linear, scores, softmax
from tieback_contract.arrays import Array


@heads.method
def linear_svm(vectors: Array, state: State) -> Array:
    """softmax(f W + b): the margins, as sharp as cross-validation allows."""
    return softmax(scores(vectors, state))


def fit(vectors: Array, labels: Array, *, c: Cost = 1.0) -> State:
    """`c` is what an example's loss costs beside the squared weights: the larger, the closer the fit."""
    found = linear(vectors, labels, _loss, c)
    return {"weights": found.weights, "offsets": found.offsets}


def _loss(values: Array, is_own: Array) -> tuple[float, Array]:
    """The sum of squares of what is lacking to a margin of 1, and its slope `[n, classes]`."""
    signs = 2 * is_own - 1
    lacking = np.maximum(0, 1 - signs * values)
    return float(np.square(lacking).sum()), -2 * signs * lacking
