"""A projector trained towards a text and its views together, weighted by how well they fit the text.

JM3D's joint multi-modal alignment (arXiv:2308.02982 and 2310.09503, method 3), for a third modality, such as
point clouds, that is led into a space of texts and pictures. A thing has a text t and several views, some of
which show little of it. At every step, as in the authors' code, two of them are drawn and weighted by a
softmax of ⟨t, view⟩ into one joint target j, which is shorter the less they agree; the projector is trained
with InfoNCE towards j and towards t together. Drawing anew matters more than weighting: with all views mixed
once and for all, a projector learns the noise of the mixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tieback.core.state import State
from tieback.methods.projection import Count, NotNegative, Positive, Progress, Tensors, projections, unit_rows
from tieback_contract.arrays import Array

from tieback_lab.methods.projection._trained import (
    STATE,
    Steps,
    contrastive,
    project,
    project_tensor,
    same_targets,
    train,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["STATE"]  # read by the family


@projections.method
def joint_views(vectors: Array, state: State) -> Array:
    """normalise(V W + c + max(V U + a, 0) S)."""
    return project(vectors, state)


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch."""
    return project_tensor(vectors, state)


def joint_targets(texts: Array, views: Array, *, sharpness: float = 1.0) -> Array:
    """`[n, d]`: of each text `[n, d]` its views `[n, v, d]`, of length 1, mixed by how near it they are.

    The weights are softmax(sharpness · ⟨t, view⟩), and the mixture keeps its length. A view of zeros is
    missing. A text without views stands for itself.
    """
    count, of_each, width = views.shape
    unit = unit_rows(views.reshape(-1, width)).reshape(count, of_each, width)
    there = np.linalg.norm(unit, axis=2) > 0
    scores = np.where(there, sharpness * np.einsum("nd,nvd->nv", texts, unit), -np.inf)
    weights = np.where(there, np.exp(scores - scores.max(axis=1, keepdims=True, initial=-1e9)), 0)
    mixed = np.einsum("nv,nvd->nd", weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), unit)
    return np.asarray(np.where(there.any(axis=1, keepdims=True), mixed, texts), np.float32)


def fit(
    source: Array,
    target: Array,
    *,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
    views: Array | None = None,
    sharpness: NotNegative = 1.0,
    drawn: Count = 2,
    temperature: Positive = 0.05,
    hidden: Count = 128,
    steps: Steps = 150,
    rate: Positive = 1e-3,
) -> State:
    """The projector from `source` `[n, d1]` to the texts `target` `[n, d2]` and their `views` `[n, v, d2]`.

    Row i of the views goes with pair i; a view that is missing is zeros, so that things may have different
    numbers of them. At every step `drawn` of a thing's views are mixed, or all where it has no more. Without
    any, only the texts count.
    """
    import torch

    texts, draw = torch.from_numpy(target), np.random.default_rng(seed)

    def loss(projected: Tensor, places: Tensor) -> Tensor:
        wanted, same = texts[places], same_targets(texts[places])
        towards_text = contrastive(projected, wanted, same, temperature)
        if views is None:
            return 2 * towards_text
        rows = places.numpy()
        joint = joint_targets(target[rows], _some(views[rows], drawn, draw), sharpness=sharpness)
        # A view of another thing with the same text is no wrong answer either.
        return towards_text + contrastive(projected, torch.from_numpy(joint), same, temperature)

    joint = target if views is None else joint_targets(target, views, sharpness=sharpness)
    start = unit_rows(target + joint)
    return train(source, start, loss, hidden=hidden, steps=steps, rate=rate, seed=seed, progress=progress)


def _some(views: Array, count: int, draw: np.random.Generator) -> Array:
    """The views `[n, v, d]` with zeros for all but `count` of each thing's, drawn among those it has."""
    order = np.where(views.any(axis=2), draw.random(views.shape[:2]), -1.0)
    ranks = (-order).argsort(axis=1).argsort(axis=1)
    return np.where((ranks < count)[:, :, None], views, np.float32(0))


def least_anchors(source_width: int, target_width: int) -> int:  # noqa: ARG001 - any width will do
    """Three: with two, each has a single wrong answer, which any projector avoids."""
    return 3
