"""Orthogonal compatible alignment: leading dimensions stay in the old space, further ones are free (OCA).

"Backward-Compatible Aligned Representations via an Orthogonal Transformation Layer" (Ricci et al., 2024,
arXiv:2408.08793). The new vector h has the old width and `extra` dimensions. It is trained by two cross
entropies. One is of a classifier behind an orthogonal layer, W R h: as R turns the whole space, the
classifier may use all of it, wherever the leading dimensions are. The other aligns the leading dimensions of
h with fixed prototypes of the old encoder. R and W are needed for the training alone; h is what is served,
and as R keeps lengths and angles, h compares as R h does.

In the paper h is the output of a network that is trained as a whole. Here the new encoder stays as it is, and
h is a layer behind it: h = f V + c + max(f U + a, 0) S for its vectors f. It starts as the ridge regression
of the old vectors from f, beside the first principal directions of f.

With classes, as in the paper, an old prototype is the mean of the old vectors of a class, and W is learned.
Without classes, as for texts, each content is a class of its own: its old prototype is its old vector, its
row of W is the vector of the new encoder with zeros behind it, which is fixed, and the other contents of a
batch are the wrong answers. Then R h is to have the neighbours of the new encoder, and the leading dimensions
of h those of the old one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
)
from tieback_contract.arrays import Array

from tieback_lab.methods.projection._trained import Steps, project, project_tensor

if TYPE_CHECKING:  # serving trains nothing
    from torch import Tensor

STATE = {
    "map": ("new", "width"),
    "offset": ("width",),
    "first": ("new", "hidden"),
    "bias": ("hidden",),
    "second": ("hidden", "width"),
}


@compatibilities.method
def oca(vectors: Array, state: State) -> Array:
    """normalise(f V + c + max(f U + a, 0) S)."""
    return project(vectors, state)


def graph(vectors: Tensor, state: Tensors) -> Tensor:
    """The method in torch."""
    return project_tensor(vectors, state)


def fit(
    old: Array,
    new: Array,
    classes: Array | None,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Progress = lambda _share, _doing: None,
    extra: Annotated[int, Field(ge=0, le=4096)] = 128,
    alignment: NotNegative = 1.0,
    temperature: Positive = 0.05,
    hidden: Count = 256,
    steps: Steps = 600,
    batch: Annotated[int, Field(ge=2)] = 256,
    rate: Positive = 1e-3,
    patience: Steps = 5,
) -> State:
    """The layer, after `steps` of AdamW, or fewer where `patience` looks in a row found nothing better.

    `alignment` weights the second cross entropy. Without classes, h is at least as wide as the new encoder's
    vectors, so that R h can be one of them.
    """
    import torch
    from tieback.training.digests import digest
    from tieback.training.loop import Attempt, Plan
    from tieback.training.rotation import Rotation
    from torch.nn.functional import normalize

    from tieback_lab.training import compatible_layer as layers

    parts = layers.Parts.of(len(old), seed)
    learned = parts.learned.numpy()
    old_width, width = old.shape[1], old.shape[1] + extra
    if classes is None:
        width = max(width, new.shape[1])
    matrix, offset = _start(old[learned], new[learned], width)
    draws = torch.Generator().manual_seed(seed)
    layer = layers.Layer(matrix, offset, hidden, draws)
    module = torch.nn.ModuleDict({"layer": layer})
    told_by: layers.Rows
    if classes is None:
        wanted = np.pad(new, ((0, 0), (0, width - new.shape[1])))
        told_by = layers.prototypes(wanted, None)
        begun = unit_rows(new @ matrix + offset)
        start = procrustes.fit(begun, wanted, centred=False)["rotation"]
    else:
        told_by = module["classifier"] = layers.Classifier(classes, width, draws)
        start = np.eye(width, dtype=np.float32)
    module["rotation"] = rotation = Rotation(start)
    features, aligned_by = torch.from_numpy(new), layers.prototypes(old, classes)

    def loss(places: Tensor) -> Tensor:
        mapped = layer(features[places])
        turned, leading = normalize(mapped, dim=1) @ rotation(), normalize(mapped[:, :old_width], dim=1)
        told = layers.recognised(turned, told_by, places, temperature)
        return told + alignment * layers.recognised(leading, aligned_by, places, temperature)

    trained_on = digest(old, new, [] if classes is None else classes, [alignment, temperature, batch])
    layers.learn(
        module,
        loss,
        parts,
        Plan(steps, rate, patience=patience, seed=seed),
        Attempt(checkpoint, trained_on, progress),
        batch=batch,
    )
    return layer.state()


def least_anchors(old_width: int, new_width: int) -> int:  # noqa: ARG001 - the ridge fills the rest
    """Thirty-two: with few wrong answers, a cross entropy says little about the order of the others."""
    return 32


def _start(old: Array, new: Array, width: int) -> tuple[Array, Array]:
    """A matrix `[new width, width]` and an offset: the old vectors by ridge regression, then directions."""
    found = affine.fit(new, old)
    old_width = old.shape[1]
    matrix, offset = np.zeros((new.shape[1], width), np.float32), np.zeros(width, np.float32)
    matrix[:, :old_width], offset[:old_width] = found["map"], found["offset"]
    axes = np.linalg.svd(new, full_matrices=False)[2][: width - old_width]
    matrix[:, old_width : old_width + len(axes)] = axes.T
    return matrix, offset
