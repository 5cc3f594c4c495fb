"""A trained projector towards a text and its views together, which count by how well they fit the text.

JM3D's joint multi-modal alignment (arXiv:2308.02982 and 2310.09503, method 3), for a third modality, such as
point clouds, that is led into a space of texts and pictures. A thing has a text t and several views, some of
which show little of it. At every step, as in the authors' code, two of them are drawn and weighted by a
softmax of ⟨t, view⟩ into one joint target j, which is shorter the less they agree; the projector is trained
with InfoNCE towards j and towards t together. Drawing anew matters more than weighting: with all views mixed
once and for all, a projector learns the noise of the mixture (scripts/bench claims, topic joint_views).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieback.core.errors import InvalidInput
from tieback.core.field_path import at
from tieback.core.types.arrays import Array
from tieback.methods.projection import Progress, State, projections, unit_rows
from tieback.methods.projection._trained import (
    check_temperature,
    contrastive,
    project,
    same_targets,
    train,
)

if TYPE_CHECKING:
    from torch import Tensor


@projections.method
def joint_views(vectors: Array, state: State) -> Array:
    """normalise(V W + c + max(V U + a, 0) S)."""
    return project(vectors, state)


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
    sharpness: float = 1.0,
    drawn: int = 2,
    temperature: float = 0.05,
    hidden: int = 128,
    steps: int = 150,
    rate: float = 1e-3,
) -> State:
    """The projector from `source` `[n, d1]` to the texts `target` `[n, d2]` and their `views` `[n, v, d2]`.

    Row i of the views goes with pair i; a view that is missing is zeros, so that things may have different
    numbers of them. At every step `drawn` of a thing's views are mixed, or all where it has no more. Without
    any, only the texts count. InvalidInput where the views do not go with the anchors or hold NaN or
    infinity, or a parameter is out of its range.
    """
    import torch

    check_temperature(temperature)
    if not 0.0 <= sharpness < np.inf:
        raise InvalidInput(
            f"sharpness is {sharpness}; it must be 0 or more", field=at("parameters", "sharpness")
        )
    if drawn < 1:
        raise InvalidInput(f"drawn is {drawn}; it must be 1 or more", field=at("parameters", "drawn"))
    checked = _check_views(views, target)
    texts, draw = torch.from_numpy(target), np.random.default_rng(seed)

    def loss(projected: Tensor, places: Tensor) -> Tensor:
        wanted, same = texts[places], same_targets(texts[places])
        towards_text = contrastive(projected, wanted, same, temperature)
        if checked is None:
            return 2 * towards_text
        rows = places.numpy()
        joint = joint_targets(target[rows], _some(checked[rows], drawn, draw), sharpness=sharpness)
        # A view of another thing with the same text is no wrong answer either.
        return towards_text + contrastive(projected, torch.from_numpy(joint), same, temperature)

    joint = target if checked is None else joint_targets(target, checked, sharpness=sharpness)
    start = unit_rows(target + joint)
    return train(source, start, loss, hidden=hidden, steps=steps, rate=rate, seed=seed, progress=progress)


def _some(views: Array, count: int, draw: np.random.Generator) -> Array:
    """The views `[n, v, d]` with zeros for all but `count` of each thing's, drawn among those it has."""
    order = np.where(views.any(axis=2), draw.random(views.shape[:2]), -1.0)
    ranks = (-order).argsort(axis=1).argsort(axis=1)
    return np.where((ranks < count)[:, :, None], views, np.float32(0))


def _check_views(views: Array | None, target: Array) -> Array | None:
    if views is None:
        return None
    found = np.asarray(views, np.float32)
    if found.ndim != 3 or found.shape[0] != len(target) or found.shape[2] != target.shape[1]:
        raise InvalidInput(
            f"views are [anchors, views of each, width], here [{len(target)}, any, {target.shape[1]}], "
            f"not {list(found.shape)}",
            field=at("parameters", "views"),
        )
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=(1, 2)))[0])
        raise InvalidInput(f"the views of anchor {row} hold NaN or infinity", field=at("parameters", "views"))
    return found if found.shape[1] else None


def least_anchors(source_width: int, target_width: int) -> int:  # noqa: ARG001 - any width will do
    """Three: with two, each has a single wrong answer, and any projector tells them apart."""
    return 3
