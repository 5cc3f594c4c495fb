"""Shared parts of claims of compatible training: independent training, BCT, and how versions find each other.

BCT (Shen et al., 2020, arXiv:2003.11942) trains a new network by two classifiers: its own, and that of the
old one, which stays. Here both are behind one layer, which gives vectors of the old width; the old classifier
is the mean of the old vectors of each class, as in the other methods.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from tieback.methods.projection import affine, unit_rows
from tieback.training.loop import UNKEPT, Plan
from tieback_contract.arrays import Array
from tieback_lab.training import compatible_layer as layers
from torch import Tensor
from torch.nn.functional import normalize

HIDDEN, BATCH, RATE, PATIENCE, TEMPERATURE = 256, 256, 1e-3, 5, 0.05
"""As the methods have by default."""


def independent(
    new: Array, classes: Array, asked: Sequence[Array], width: int, *, steps: int, seed: int
) -> list[Array]:
    """Vectors of each of `asked` by a layer that was trained with a classifier of its own, from any start."""
    draws = torch.Generator().manual_seed(seed)
    matrix = torch.randn(new.shape[1], width, generator=draws).numpy() / np.float32(np.sqrt(new.shape[1]))
    layer = layers.Layer(matrix, np.zeros(width, np.float32), HIDDEN, draws)
    return _trained(layer, layers.Classifier(classes, width, draws), None, new, asked, steps, seed)


def bct(old: Array, new: Array, classes: Array, asked: Array, *, steps: int, seed: int) -> Array:
    """Vectors of `asked` by a layer that was trained with a classifier of its own and with the old one."""
    draws = torch.Generator().manual_seed(seed)
    start = affine.fit(new, old)
    layer = layers.Layer(start["map"], start["offset"], HIDDEN, draws)
    own = layers.Classifier(classes, old.shape[1], draws)
    return _trained(layer, own, layers.prototypes(old, classes), new, (asked,), steps, seed)[0]


def recall(queries: Array, gallery: Array, classes: Array, *, of: Array | None = None) -> float:
    """Recall@1 in percent: each seeks another one of its class. `of` says which ask and are asked for."""
    rows = np.arange(len(classes)) if of is None else np.flatnonzero(of)
    scores = queries[rows] @ gallery[rows].T
    np.fill_diagonal(scores, -np.inf)
    return 100 * float(np.mean(classes[rows][scores.argmax(axis=1)] == classes[rows]))


def mean_precision(queries: Array, gallery: Array, classes: Array) -> float:
    """Mean average precision in percent, each without itself."""
    scores = queries @ gallery.T
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1)[:, :-1]
    is_right = classes[order] == classes[:, None]
    precision = is_right.cumsum(axis=1) / np.arange(1, order.shape[1] + 1)
    return 100 * float(((precision * is_right).sum(axis=1) / is_right.sum(axis=1)).mean())


def _trained(
    layer: layers.Layer,
    own: layers.Classifier,
    aligned_by: layers.Rows | None,
    new: Array,
    asked: Sequence[Array],
    steps: int,
    seed: int,
) -> list[Array]:
    given = torch.from_numpy(new)

    def loss(places: Tensor) -> Tensor:
        mapped = normalize(layer(given[places]), dim=1)
        told = layers.recognised(mapped, own, places, TEMPERATURE)
        if aligned_by is None:
            return told
        return told + layers.recognised(mapped, aligned_by, places, TEMPERATURE)

    parts, plan = layers.Parts.of(len(new), seed), Plan(steps, RATE, patience=PATIENCE, seed=seed)
    module = torch.nn.ModuleList([layer, own])
    layers.learn(module, loss, parts, plan, UNKEPT, batch=BATCH)
    with torch.no_grad():
        return [unit_rows(layer(torch.from_numpy(one)).numpy()) for one in asked]
