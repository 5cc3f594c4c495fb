"""A change of basis over a few dimensions of the old space and all of the new one (BT²).

"BT²: Backward-compatible Training with Basis Transformation" (Zhou et al., 2022, arXiv:2211.03989). The new
model gives two parts: ô imitates the old vectors, of which only the first `added` dimensions are taken, and
f̂ is what an independent new model says. Together they are z = [ô ; P C f̂], with P orthogonal. The leading
dimensions of z, as many as the old space has, are turned by an orthogonal Q and become those that compare
with old vectors: what ô lacks is found in f̂. As P and Q keep lengths and angles, vectors of the new model
compare with each other as z does: by C² f̂·f̂' + ô·ô', whatever was given to the old space. Old vectors
compare with zeros behind them.

In the paper a network is trained as a whole, and f̂ is distilled from another one that was trained alone.
Here the new encoder stays as it is and is that other one: f̂ and ô are layers behind it. f̂ starts as the
encoder's own vector, and ô, P and Q at the principal axes of the old vectors. The loss is the paper's: a
cross entropy of f̂, one of the leading dimensions by the prototypes of the old encoder, and the cosines of
both with what they are to imitate.

With classes, an old prototype is the mean of the old vectors of a class. Without classes, each content is a
class of its own, and the others of a batch are the wrong answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
from pydantic import Field
from tieback.core.state import State
from tieback.methods.compatibility import compatibilities
from tieback.methods.projection import (
    Count,
    NotNegative,
    Positive,
    Progress,
    Tensors,
    affine,
    procrustes,
    unit_rows,
    unit_tensor,
)
from tieback_contract.arrays import Array

from tieback_lab.methods.projection._trained import Steps, project, project_tensor

if TYPE_CHECKING:  # serving trains nothing
    from torch import Tensor

T = TypeVar("T")

FREE, IMITATING = "free.", "imitating."
STATE = {
    "free.map": ("new", "new"),
    "free.offset": ("new",),
    "free.first": ("new", "hidden"),
    "free.bias": ("hidden",),
    "free.second": ("hidden", "new"),
    "imitating.map": ("new", "added"),
    "imitating.offset": ("added",),
    "imitating.first": ("new", "hidden"),
    "imitating.bias": ("hidden",),
    "imitating.second": ("hidden", "added"),
    "basis": ("width", "width"),
}


@compatibilities.method
def bt2(vectors: Array, state: State) -> Array:
    """normalise([ô ; f̂] B), where B is diag(1, C P) and then diag(Q, 1)."""
    parts = [project(vectors, _under(state, prefix)) for prefix in (IMITATING, FREE)]
    return unit_rows(np.concatenate(parts, axis=1) @ state["basis"])


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch."""
    import torch

    parts = [project_tensor(vectors, _under(state, prefix)) for prefix in (IMITATING, FREE)]
    return unit_tensor(torch.cat(parts, dim=1) @ state["basis"])


def fit(
    old: Array,
    new: Array,
    classes: Array | None,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Progress = lambda _share, _doing: None,
    added: Annotated[int, Field(ge=1, le=4096)] = 32,
    scale: Positive = 2.0,
    distillation: NotNegative = 1.0,
    old_classes: NotNegative = 10.0,
    imitation: NotNegative = 5.0,
    temperature: Positive = 0.05,
    hidden: Count = 256,
    steps: Steps = 600,
    batch: Annotated[int, Field(ge=2)] = 256,
    rate: Positive = 1e-3,
    patience: Steps = 5,
) -> State:
    """Both layers and the basis, after `steps` of AdamW, or fewer where `patience` looks found none better.

    `scale` is C; `distillation`, `old_classes` and `imitation` are the paper's λ1, λ2 and λ3. `added` is at
    most as wide as the old space, and at least as much as the new one lacks of that width.
    """
    import torch
    from tieback.training.digests import digest
    from tieback.training.loop import Attempt, Plan
    from tieback.training.rotation import Rotation
    from torch.nn.functional import cosine_similarity, normalize

    from tieback_lab.training import compatible_layer as layers

    old_width, new_width = old.shape[1], new.shape[1]
    added = min(max(added, old_width - new_width), old_width)
    parts = layers.Parts.of(len(old), seed)
    learned = parts.learned.numpy()
    axes = _principal_axes(old[learned])
    along = old[learned] @ axes.T
    start = affine.fit(new[learned], along[:, :added])
    rest = np.pad(along[:, added:], ((0, 0), (0, new_width - old_width + added)))
    draws = torch.Generator().manual_seed(seed)
    imitating = layers.Layer(start["map"], start["offset"], hidden, draws)
    free = layers.Layer(np.eye(new_width, dtype=np.float32), np.zeros(new_width, np.float32), hidden, draws)
    turn = procrustes.fit(new[learned], rest, centred=False)["rotation"]
    inner, outer = Rotation(turn), Rotation(axes)
    module = torch.nn.ModuleList([imitating, free, inner, outer])
    told_by: layers.Rows = layers.prototypes(new, None)
    if classes is not None:
        classifier = layers.Classifier(classes, new_width, draws)
        module.append(classifier)
        told_by = classifier
    aligned_by = layers.prototypes(old, classes)
    given, wanted = torch.from_numpy(new), torch.from_numpy(old)

    def loss(places: Tensor) -> Tensor:
        rows = given[places]
        said = normalize(free(rows), dim=1)
        turned = scale * said @ inner()
        known = torch.cat([normalize(imitating(rows), dim=1), turned[:, : old_width - added]], dim=1)
        leading = normalize(known @ outer(), dim=1)
        return (
            layers.recognised(said, told_by, places, temperature)
            + distillation * (1 - cosine_similarity(said, rows)).mean()
            + old_classes * layers.recognised(leading, aligned_by, places, temperature)
            + imitation * (1 - cosine_similarity(leading, wanted[places])).mean()
        )

    numbers = [scale, distillation, old_classes, imitation, temperature, batch]
    trained_on = digest(old, new, [] if classes is None else classes, numbers)
    layers.learn(
        module,
        loss,
        parts,
        Plan(steps, rate, patience=patience, seed=seed),
        Attempt(checkpoint, trained_on, progress),
        batch=batch,
    )
    with torch.no_grad():
        basis = _basis(inner().numpy(), outer().numpy(), added, scale)
    return {**imitating.state(IMITATING), **free.state(FREE), "basis": basis}


def least_anchors(old_width: int, new_width: int) -> int:  # noqa: ARG001 - the ridge fills the rest
    """Thirty-two: with few wrong answers, a cross entropy says little about the order of the others."""
    return 32


def _principal_axes(rows: Array) -> Array:
    """An orthonormal basis `[d, d]`, a row each, of the directions of `rows` `[n, d]`: most energy first."""
    wide = rows.astype(np.float64)
    _, axes = np.linalg.eigh(wide.T @ wide)
    return np.ascontiguousarray(axes.T[::-1], np.float32)


def _basis(inner: Array, outer: Array, added: int, scale: float) -> Array:
    """diag(1, C P) diag(Q, 1) `[added + new, added + new]`."""
    width = added + len(inner)
    first, second = np.eye(width, dtype=np.float32), np.eye(width, dtype=np.float32)
    first[added:, added:] = scale * inner
    second[: len(outer), : len(outer)] = outer
    return first @ second


def _under(state: Mapping[str, T], prefix: str) -> Mapping[str, T]:
    return {name.removeprefix(prefix): one for name, one in state.items() if name.startswith(prefix)}
