"""What linear heads share: how weights are learned, and how sharp their probabilities are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.heads import dealt

# Where a smooth function is least, by SciPy's L-BFGS-B (Byrd et al., 1995, doi:10.1137/0916069).
Objective = Callable[[Array], tuple[float, Array]]
"""Of a point `[n]` in float64, the value and the slope `[n]`."""

STEPS, TOLERANCE = 500, 1e-5
"""It ends after so many steps, or where the slope is no larger than this share of the first one."""


def minimum(objective: Objective, start: Array) -> Array:
    """The point `[n]` that is found from `start` `[n]`."""
    from scipy.optimize import minimize  # takes 0.2 s, which a start of the server should not

    _, slope = objective(np.asarray(start, np.float64))
    small = TOLERANCE * float(np.abs(slope).max(initial=0))
    options = {"maxiter": STEPS, "gtol": small, "ftol": 0.0}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x, np.float64)


STATE = {"weights": ("width", "classes"), "offsets": ("classes",)}

Cost = Annotated[float, Field(ge=1e-6, le=1e6)]
"""What the loss of an example costs beside the squared weights: the larger, the closer is the fit."""

Loss = Callable[[Array, Array], tuple[float, Array]]
"""Of scores `[n, classes]` and a 1 `[n, classes]` for the class of each row: the sum, and its slope."""

SHARPNESSES = np.geomspace(0.1, 100, 61)


class Linear(NamedTuple):
    """Weights `[width, classes]`, offsets `[classes]`, and what they said of examples they had not seen.

    `held_out` are probabilities `[n, classes]`, each of a head that was learned without its part.
    """

    weights: Array
    offsets: Array
    held_out: Array


def scores(vectors: Array, state: State) -> Array:
    """`[n, classes]` of unit rows `[n, width]`."""
    return np.asarray(vectors @ state["weights"] + state["offsets"], np.float32)


def softmax(values: Array) -> Array:
    """Along the last axis; minus infinity has the probability 0, a row of nothing else is zeros."""
    largest = values.max(axis=-1, keepdims=True)
    found = np.exp(values - np.where(np.isfinite(largest), largest, 0))
    total = found.sum(axis=-1, keepdims=True)
    return np.asarray(found / np.where(total > 0, total, 1))


def linear(vectors: Array, labels: Array, loss: Loss, c: float) -> Linear:
    """The weights with the least |W|²/2 + c · loss, made as sharp as what they say of unseen examples allows.

    The sharpness is a factor to the scores, with which the probabilities of held-out examples are likeliest,
    but not far from 1 where these are few: its logarithm costs half its square.
    """
    classes = int(labels.max()) + 1
    seen = np.full((len(labels), classes), -np.inf)
    parts = dealt(labels)
    for part in np.unique(parts):
        held = parts == part
        known = np.unique(labels[~held])
        if len(known) >= 2:
            weights, offsets = _learned(vectors[~held], np.searchsorted(known, labels[~held]), loss, c)
            seen[np.ix_(held, known)] = vectors[held] @ weights + offsets
    sharpness = _sharpness(seen, labels)
    weights, offsets = _learned(vectors, labels, loss, c)
    return Linear(
        (sharpness * weights).astype(np.float32),
        (sharpness * offsets).astype(np.float32),
        _with_chance(sharpness * seen),
    )


def _learned(vectors: Array, labels: Array, loss: Loss, c: float) -> tuple[Array, Array]:
    """Weights `[width, classes]` and offsets `[classes]`, the latter at no cost."""
    rows = vectors.astype(np.float64)
    basis = None
    if len(rows) < rows.shape[1]:  # the weights are in the span of the examples
        basis = np.linalg.qr(rows.T)[0]
        rows = rows @ basis
    is_own = np.eye(int(labels.max()) + 1)[labels]
    scale = 1 / (c * len(rows))

    def objective(flat: Array) -> tuple[float, Array]:
        both = flat.reshape(rows.shape[1] + 1, -1)
        weights, offsets = both[:-1], both[-1]
        lost, slope = loss(rows @ weights + offsets, is_own)
        slope = slope / len(rows)
        gradient = np.concatenate([scale * weights + rows.T @ slope, slope.sum(axis=0, keepdims=True)])
        return lost / len(rows) + scale * float(np.square(weights).sum()) / 2, gradient.ravel()

    start = np.zeros((rows.shape[1] + 1) * is_own.shape[1])
    found = minimum(objective, start).reshape(-1, is_own.shape[1])
    return (found[:-1] if basis is None else basis @ found[:-1]), found[-1]


def _sharpness(seen: Array, labels: Array) -> float:
    """By the examples whose class the head knew that judged them; 1 where there are none."""
    own = seen[np.arange(len(labels)), labels]
    judged, right = seen[np.isfinite(own)], labels[np.isfinite(own)]
    if not len(judged):
        return 1.0
    costs = []
    for sharpness in SHARPNESSES:
        likely = softmax(sharpness * judged)[np.arange(len(right)), right]
        costs.append(-np.log(np.maximum(likely, 1e-12)).sum() + np.log(sharpness) ** 2 / 2)
    return float(SHARPNESSES[int(np.argmin(costs))])


def _with_chance(values: Array) -> Array:
    """Probabilities of scores; a class that is not known, of minus infinity, gets that of chance."""
    unknown = np.isneginf(values)
    known = softmax(values) * (1 - unknown.mean(axis=1, keepdims=True))
    return np.asarray(known + unknown / values.shape[1])
