"""A logistic head that looks up labelled vectors, and a gate that decides how much they count.

The idea is that of
"RAML: retrieval-augmented meta-learning for low-resource text classification".
Where examples are few, what is retrieved from a memory says more than what was learned, unless the memory is
of something else; so a gate mixes the two. The nearest entries vote for their classes by a softmax over
cosines, and the gate is a sigmoid of how near they are. It is learned from the examples, each predicted by
a regression and by entries that do not have it. An irrelevant memory must not hurt, so the gate is shut
unless the votes for the examples' own classes are far above those for any class. The paper's fusion of
passages by attention and its training over many tasks are not built.

The memory are the examples themselves, or vectors that are given in their place: they can be many, and of
labels that are less sure.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field
from tieback.core.state import State
from tieback.methods.heads import Memory, heads
from tieback.methods.heads._linear import Cost, linear, minimum, scores, softmax
from tieback.methods.heads.logistic import loss
from tieback_contract.arrays import Array

STATE = {
    "weights": ("width", "classes"),
    "offsets": ("classes",),
    "memory": ("entries", "width"),
    "labels": ("entries",),
    "voting": ("voting",),  # how many entries vote, and how sharply
    "gate": ("gate",),  # offset, slope, and the mean and spread of the examples' nearness
}

CLOSED = -3.0
"""The gate's offset where nothing speaks for the memory: it counts for a twentieth."""
DOUBT = 0.125
"""What the square of a change of the gate costs; likelihoods of examples are set against it."""
SHUT = -30.0
"""The offset of a gate of an irrelevant memory."""
SIGNIFICANT = 3.0
"""Standard deviations by which votes for the own classes of examples are above those for any class."""
EQUAL = 1 - 1e-5
"""An entry of this cosine to an example is that example."""
LEAST_SPREAD = 0.01
FAR, STEEP = 4.0, 2.0
"""Nearness beyond so many spreads from the mean counts as these; the logarithm of the slope is not larger."""


@heads.method
def memory(vectors: Array, state: State) -> Array:
    """The mixture g · votes + (1 - g) · softmax(f W + b), with g the gate."""
    votes = _votes(vectors, state)
    share = _gate(votes.nearness, state["gate"])[:, None]
    return np.asarray(share * votes.shares + (1 - share) * softmax(scores(vectors, state)))


def memory_share(vectors: Array, state: State) -> Array:
    """The gate g."""
    return _gate(_votes(vectors, state).nearness, state["gate"])


def fit(
    vectors: Array,
    labels: Array,
    *,
    memory: Memory | None,
    c: Cost = 10.0,
    k: Annotated[int, Field(ge=1, le=4096)] = 8,
    sharpness: Annotated[float, Field(gt=0, le=1000)] = 20.0,
) -> State:
    """`c` as in logistic; `k` entries vote, each by softmax(sharpness · cosine) over them."""
    found = linear(vectors, labels, loss, c)
    entries = memory or Memory(vectors, labels)
    state = {
        "weights": found.weights,
        "offsets": found.offsets,
        "memory": np.asarray(entries.vectors, np.float32),
        "labels": np.asarray(entries.labels, np.int64),
        "voting": np.array([k, sharpness], np.float32),
    }
    votes = _votes(vectors, state, without_equal=True)
    own = np.arange(len(labels)), labels
    if _is_relevant(votes.shares, labels):
        gate = _learned_gate(votes.nearness, votes.shares[own], found.held_out[own])
    else:
        gate = np.array([SHUT, 0, 0, 1], np.float32)
    return state | {"gate": gate}


class _Votes(NamedTuple):
    """`shares` `[n, classes]` of the votes, whose rows have the sum 1, or 0 where nothing voted.

    `nearness` `[n]` is the mean cosine of those that voted.
    """

    shares: Array
    nearness: Array


def _votes(vectors: Array, state: State, *, without_equal: bool = False) -> _Votes:
    entries, labels = state["memory"], state["labels"]
    k, sharpness = min(int(state["voting"][0]), len(entries)), float(state["voting"][1])
    cosines = vectors @ entries.T
    if without_equal:
        cosines = np.where(cosines > EQUAL, -np.inf, cosines)
    nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    values = np.take_along_axis(cosines, nearest, axis=1)
    weights = softmax(sharpness * values)
    shares = np.zeros((len(vectors), state["weights"].shape[1]), np.float32)
    np.add.at(shares, (np.arange(len(vectors))[:, None], labels[nearest]), weights)
    votes = np.isfinite(values)
    nearness = np.where(votes, values, 0).sum(axis=1) / np.maximum(votes.sum(axis=1), 1)
    return _Votes(shares, nearness)


def _gate(nearness: Array, gate: Array) -> Array:
    offset, slope, mean, spread = (float(one) for one in gate)
    return _sigmoid(offset + slope * _standard(nearness, mean, spread))


def _is_relevant(shares: Array, labels: Array) -> bool:
    """Whether the votes `[n, classes]` know the classes of examples, and not by chance.

    They are held against what they would be if the examples' classes were dealt to them anew.
    """
    likely = np.bincount(labels, minlength=shares.shape[1]) / len(labels)
    expected = shares @ likely
    spread = np.sqrt((np.square(shares) @ likely - np.square(expected)).sum())
    excess = (shares[np.arange(len(labels)), labels] - expected).sum()
    return bool(excess > SIGNIFICANT * spread)


def _learned_gate(nearness: Array, voted: Array, learned: Array) -> Array:
    """The offset and the slope, with the mean and the spread of the nearness.

    `voted` and `learned` `[n]` are the probabilities of the examples' own classes by memory and regression.
    The gate makes the mixture likely. The slope is above 0: what is nearer cannot count for less.
    """
    mean, spread = float(nearness.mean()), max(float(nearness.std()), LEAST_SPREAD)
    near = _standard(nearness, mean, spread)
    begin = np.array([CLOSED, 0.0])

    def objective(point: Array) -> tuple[float, Array]:
        slope, is_inside = np.exp(np.clip(point[1], -STEEP, STEEP)), abs(point[1]) < STEEP
        share = _sigmoid(point[0] + slope * near)
        mixed = np.maximum(share * voted + (1 - share) * learned, 1e-6)
        change = -(voted - learned) / mixed * share * (1 - share)
        moved = point - begin
        value = -float(np.log(mixed).sum()) + DOUBT * float(moved @ moved)
        turned = (change * slope * near).sum() * is_inside
        return value, np.array([change.sum(), turned]) + 2 * DOUBT * moved

    offset, log_slope = minimum(objective, begin)
    return np.array([offset, np.exp(np.clip(log_slope, -STEEP, STEEP)), mean, spread], np.float32)


def _standard(nearness: Array, mean: float, spread: float) -> Array:
    return np.clip((nearness - mean) / spread, -FAR, FAR)


def _sigmoid(values: Array) -> Array:
    return np.asarray((1 + np.tanh(values / 2)) / 2)  # without exp, which overflows
