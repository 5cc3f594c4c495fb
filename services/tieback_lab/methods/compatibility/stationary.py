"""All versions classify by the vertices of one fixed simplex, and so share their classes' directions.

"Stationary Representations: Optimally Approximating Compatibility and Implications for Improved Model
Replacements" (Biondi et al., 2024, arXiv:2405.02581). The classifier is a regular simplex of K vertices in
K - 1 dimensions, which is never learned: more vertices than classes are there from the beginning, for classes
to come. A later version has beside its cross entropy a contrastive loss against the vectors of the version
before (HOC): each new vector is drawn to its own old one, which is kept away from new ones of other classes.

In the paper the network is trained as a whole. Here the encoder stays as it is, and what learns is a layer
behind it, which starts at the regression of the vertices. `first_version` has the vertices in the order of
the classes. `fit` learns a later version: the old space has K - 1 dimensions, so it says which simplex it is.
A class takes the vertex that the mean of its old vectors is nearest to, each vertex once. For classes that
the old version knows this is their own; one that is new gets the free vertex where the old version sees it.

Contents need classes. An old space that was not made by this method has no such directions, and `oca` or
`bt2` are better there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.methods.compatibility import compatibilities
from tieback.methods.projection import Count, Positive, Progress, Tensors, affine
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

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

Share = Annotated[float, Field(ge=0, le=1)]


@compatibilities.method
def stationary(vectors: Array, state: State) -> Array:
    """normalise(f V + c + max(f U + a, 0) S), in the space of the simplex."""
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
    contrast: Share = 0.1,
    sharpness: Positive = 10.0,
    temperature: Positive = 0.05,
    hidden: Count = 256,
    steps: Steps = 600,
    batch: Annotated[int, Field(ge=2)] = 256,
    rate: Positive = 1e-3,
    patience: Steps = 5,
) -> State:
    """A later version: a layer into the old space.

    `contrast` is the paper's λ, the share of the contrastive loss; `sharpness` its µ.
    """
    if classes is None:
        raise InvalidInput("stationary learns from classes; name the labels of the contents", field="classes")
    vertices = simplex(old.shape[1] + 1)[assigned(old, classes)]
    settings = _Settings(contrast, sharpness, temperature, hidden, steps, batch, rate, patience, seed)
    return _learned(new, classes, vertices, old, settings, checkpoint, progress)


def first_version(
    new: Array,
    classes: Array,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Progress = lambda _share, _doing: None,
    allocated: Annotated[int, Field(ge=3, le=4097)] = 1024,
    temperature: Positive = 0.05,
    hidden: Count = 256,
    steps: Steps = 600,
    batch: Annotated[int, Field(ge=2)] = 256,
    rate: Positive = 1e-3,
    patience: Steps = 5,
) -> State:
    """A first version, with `allocated` vertices for the classes that there are and those to come.

    InvalidInput where there are more classes than vertices.
    """
    count = int(classes.max()) + 1
    if count > allocated:
        raise InvalidInput(
            f"there are {count} classes, and {allocated} vertices for them",
            field=at("parameters", "allocated"),
        )
    settings = _Settings(0.0, 1.0, temperature, hidden, steps, batch, rate, patience, seed)
    return _learned(new, classes, simplex(allocated)[:count], None, settings, checkpoint, progress)


def least_anchors(old_width: int, new_width: int) -> int:  # noqa: ARG001 - the ridge fills the rest
    """Thirty-two: a tenth of them chooses among the steps."""
    return 32


def simplex(vertices: int) -> Array:
    """Unit rows `[vertices, vertices - 1]`, all as far from each other: cosines of -1/(vertices - 1).

    They are the same whenever they are made: the columns of a Helmert matrix.
    """
    before = np.arange(1, vertices)[:, None]
    columns = np.arange(vertices)[None]
    rows = np.where(columns < before, 1.0, np.where(columns == before, -before, 0.0))
    rows *= np.sqrt(vertices / (vertices - 1)) / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.ascontiguousarray(rows.T, np.float32)


def assigned(old: Array, classes: Array) -> Array:
    """Which vertex each class takes `[classes]`, by the old vectors `[n, d]`: the nearest pairs first.

    InvalidInput where there are more classes than vertices.
    """
    count, vertices = int(classes.max()) + 1, old.shape[1] + 1
    if count > vertices:
        raise InvalidInput(
            f"the old space is {old.shape[1]} wide and has {vertices} vertices; there are {count} classes",
            field="classes",
        )
    means = np.stack([old[classes == one].mean(axis=0) for one in range(count)])
    likeness = means @ simplex(vertices).T
    taken, is_free = np.full(count, -1), np.ones(vertices, bool)
    for place in np.argsort(-likeness, axis=None, kind="stable"):
        one, vertex = divmod(int(place), vertices)
        if taken[one] < 0 and is_free[vertex]:
            taken[one], is_free[vertex] = vertex, False
    return taken


def higher_order_contrast(new: Tensor, old: Tensor, classes: Tensor, sharpness: float) -> Tensor:
    """HOC, the mean over i of -µ n_i·o_i + log Σ_j exp(µ o_i·n_j) over the j of other classes than i's.

    Unit rows `[b, d]`. A content beside which there is no other class has the first part alone.
    """
    scores = sharpness * old @ new.T
    differs = classes[:, None] != classes[None]
    kept = differs.any(dim=1)
    away = scores[kept].masked_fill(~differs[kept], -np.inf).logsumexp(dim=1)
    return (away.sum() - scores.diagonal().sum()) / len(new)


@dataclass(frozen=True, slots=True)
class _Settings:
    contrast: float
    sharpness: float
    temperature: float
    hidden: int
    steps: int
    batch: int
    rate: float
    patience: int
    seed: int


def _learned(
    new: Array,
    classes: Array,
    vertices: Array,
    old: Array | None,
    settings: _Settings,
    checkpoint: Path | None,
    progress: Progress,
) -> State:
    """The layer by the `vertices` `[classes, width]`, and by the vectors of the version before, if any."""
    import torch
    from tieback.training.digests import digest
    from tieback.training.loop import Attempt, Plan
    from torch.nn.functional import normalize

    from tieback_lab.training import compatible_layer as layers

    parts = layers.Parts.of(len(new), settings.seed)
    learned = parts.learned.numpy()
    start = affine.fit(new[learned], vertices[classes[learned]])
    draws = torch.Generator().manual_seed(settings.seed)
    layer = layers.Layer(start["map"], start["offset"], settings.hidden, draws)
    told_by = layers.fixed(vertices, classes)
    given, right = torch.from_numpy(new), torch.from_numpy(classes)
    before = None if old is None else torch.from_numpy(old)

    def loss(places: Tensor) -> Tensor:
        mapped = normalize(layer(given[places]), dim=1)
        told = layers.recognised(mapped, told_by, places, settings.temperature)
        if before is None:
            return told
        pulled = higher_order_contrast(mapped, before[places], right[places], settings.sharpness)
        return (1 - settings.contrast) * told + settings.contrast * pulled

    trained_on = digest([] if old is None else old, new, classes, vertices, asdict(settings))
    layers.learn(
        layer,
        loss,
        parts,
        Plan(settings.steps, settings.rate, patience=settings.patience, seed=settings.seed),
        Attempt(checkpoint, trained_on, progress),
        batch=settings.batch,
    )
    return layer.state()
