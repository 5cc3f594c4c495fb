"""One map between the spaces with corrections by region, for encoders that stay as they are.

A mixture of local experts (Jacobs et al., 1991): the anchors' source is divided by spherical k-means, and
what ridge regression leaves is predicted, region by region, by a regression of low rank whose anchors are
weighted by how near they are. A vector takes the corrections of its regions by the same weights.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.core.state import State
from tieback.methods.compatibility import compatibilities
from tieback.methods.compatibility._two_ways import INTO_NEW, INTO_OLD, joined, one_way, two_ways
from tieback.methods.projection import Count, Positive, affine, unit_rows
from tieback_contract.arrays import Array

STATE = two_ways(
    affine.STATE
    | {
        "centres": ("regions", "source"),
        "down": ("source", "columns"),
        "up": ("columns", "target"),
        "means": ("regions", "columns"),
        "shifts": ("regions", "target"),
    }
)

TEMPERATURE = 0.1
"""Of the softmax over the similarities of a vector to the regions' centres."""
ROUNDS = 20


@compatibilities.method
def local_mixture(vectors: Array, state: State) -> Array:
    """The map of the new encoder's vectors into the old space."""
    return _mapped(vectors, one_way(state, INTO_OLD))


def translate(old: Array, state: State) -> Array:
    """The map of stored vectors into the new space."""
    return _mapped(old, one_way(state, INTO_NEW))


def fit(
    old: Array,
    new: Array,
    classes: Array | None,  # noqa: ARG001 - the pairs say all
    *,
    seed: int = 0,
    regions: Annotated[int, Field(ge=2, le=64)] = 6,
    rank: Count = 16,
    ridge: Positive = 0.1,
    local_ridge: Positive = 0.3,
) -> State:
    """Both maps; both ridges are as that of the projection `affine`."""
    draw = np.random.default_rng(seed)
    given = regions, rank, ridge, local_ridge
    return joined(_one(new, old, draw, *given), _one(old, new, draw, *given))


def least_anchors(old_width: int, new_width: int) -> int:  # noqa: ARG001 - the ridges fill the rest
    """One hundred and twenty-eight: a region has a part of them."""
    return 128


def _mapped(vectors: Array, state: State) -> Array:
    """normalise(v W + c + Σ_r g_r(v) ((v D_r − m_r) U_r + s_r)), with softmax weights g."""
    weights = _weights(vectors, state["centres"])
    columns = state["down"].shape[1] // len(state["centres"])
    by_region = np.repeat(weights, columns, axis=1)
    inner = (vectors @ state["down"]) * by_region - weights @ state["means"]
    whole = vectors @ state["map"] + state["offset"]
    return unit_rows(whole + inner @ state["up"] + weights @ state["shifts"])


def _one(
    source: Array,
    target: Array,
    draw: np.random.Generator,
    regions: int,
    rank: int,
    ridge: float,
    local_ridge: float,
) -> State:
    whole = affine.fit(source, target, ridge=ridge)
    left = target - source @ whole["map"] - whole["offset"]
    centres = _centres(source, regions, draw)
    columns = min(rank, *left.shape, source.shape[1])
    downs, ups, shifts = [], [], []
    means = np.zeros((len(centres), len(centres) * columns), np.float32)
    for region, weights in enumerate(_weights(source, centres).T.astype(np.float64)):
        share = weights / weights.sum()
        middle, shift = share @ source, share @ left
        rooted = np.sqrt(share)[:, None]
        given, wanted = (source - middle) * rooted, (left - shift) * rooted
        gram = given.T @ given
        shrunk = gram + local_ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
        correction = np.linalg.solve(shrunk, given.T @ wanted)
        directions = np.linalg.svd(given @ correction, full_matrices=False)[2][:columns]
        down = correction @ directions.T
        downs.append(down)
        ups.append(directions)
        shifts.append(shift)
        means[region, region * columns : (region + 1) * columns] = middle @ down
    return {
        **whole,
        "centres": centres,
        "down": np.ascontiguousarray(np.concatenate(downs, axis=1), np.float32),
        "up": np.ascontiguousarray(np.concatenate(ups), np.float32),
        "means": means,
        "shifts": np.asarray(shifts, np.float32),
    }


def _weights(vectors: Array, centres: Array) -> Array:
    """How far a vector is of each region, `[n, regions]`, adding up to 1."""
    scores = vectors @ centres.T / TEMPERATURE
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _centres(rows: Array, count: int, draw: np.random.Generator) -> Array:
    """Unit centres `[count, d]` by spherical k-means, from rows that are drawn."""
    centres = rows[draw.permutation(len(rows))[:count]]
    for _ in range(ROUNDS):
        nearest = (rows @ centres.T).argmax(axis=1)
        summed = np.zeros_like(centres)
        np.add.at(summed, nearest, rows)
        centres = np.where(summed.any(axis=1, keepdims=True), unit_rows(summed), centres)
    return centres
