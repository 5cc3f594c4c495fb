"""Projection: maps of the vectors of one space into another, learned from anchors.

Anchors are pairs: row i of one array and row i of the other say the same thing in the two spaces. A method's
file holds the method itself, which projects vectors by a fitted state and is all that serving needs (NumPy
alone); `fit`, which makes that state; `STATE`, its arrays; `least_anchors`, how many pairs `fit` needs for
two widths; and `graph`, the method in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form
from tieback.core.state import State, check_state

if TYPE_CHECKING:  # serving fits nothing and exports nothing
    from torch import Tensor

Progress = Callable[[float, str], None]
"""Hears of the share that is done, 0 to 1, and what is being done."""

Tensors = Mapping[str, "Tensor"]
"""A state in torch."""

EPSILON = 1e-12

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
"""Ranges of parameters."""


class Projection(Protocol):
    """A map from one space into another."""

    def __call__(self, vectors: Array, state: State) -> Array:
        """Unit rows `[n, target width]` of `vectors` `[n, source width]`, whose rows are unit too."""
        ...


class Fit(Protocol):
    """Makes a state of anchors."""

    def __call__(
        self, source: Array, target: Array, *, seed: int, progress: Progress, views: Array | None
    ) -> State:
        """The state for unit rows `source` `[n, source width]` and `target` `[n, target width]`.

        `views` `[n, views of each, target width]`, where there are any, are further vectors of each pair in
        the target's space; one that is missing is zeros.
        """
        ...


class LeastAnchors(Protocol):
    """The fewest anchors that a method can be fitted on."""

    def __call__(self, source_width: int, target_width: int) -> int:
        """For spaces of these widths."""
        ...


class Graph(Protocol):
    """The form of a projection in an exported graph."""

    def __call__(self, vectors: Tensor, state: Tensors) -> Tensor:
        """As the method, in torch; rows of zeros may become anything.

        Written with the first product on `vectors` themselves: several methods then share it in one graph.
        """
        ...


FIT: Form[Fit] = Form("fit", Fit, own_parameters=True)
LEAST_ANCHORS: Form[LeastAnchors] = Form("least_anchors", LeastAnchors)
GRAPH: Form[Graph] = Form("graph", Graph)

projections: Family[Projection] = Family(__name__, Projection, FIT, LEAST_ANCHORS, GRAPH)


def fit(
    name: str,
    source: Array,
    target: Array,
    parameters: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
    views: Array | None = None,
) -> State:
    """The state of the method of that name, fitted on anchors `source` `[n, d1]` and `target` `[n, d2]`.

    NotFound for an unknown method. InvalidInput, with the field "anchors", where the arrays do not go
    together, hold NaN or infinity, a zero or a repeated row, or are fewer than the method needs; with "views"
    where those do not go with the anchors; and with a parameter that is unknown or out of its range.
    """
    fitted = projections.form(FIT, name, parameters)
    source, target = check_anchors(source, target)
    widths = source.shape[1], target.shape[1]
    needed = projections.form(LEAST_ANCHORS, name)(*widths)
    if len(source) < needed:
        raise InvalidInput(
            f"{name} needs {needed} anchors between spaces of width {widths[0]} and {widths[1]}; "
            f"there are {len(source)}",
            field="anchors",
        )
    state = fitted(source, target, seed=seed, progress=progress, views=_check_views(views, target))
    check_state(state, projections.state(name), source=widths[0], target=widths[1])
    return state


def _check_views(views: Array | None, target: Array) -> Array | None:
    if views is None:
        return None
    found = np.asarray(views, np.float32)
    if found.ndim != 3 or found.shape[0] != len(target) or found.shape[2] != target.shape[1]:
        raise InvalidInput(
            f"views are [anchors, views of each, width], here [{len(target)}, any, {target.shape[1]}], "
            f"not {list(found.shape)}",
            field="views",
        )
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=(1, 2)))[0])
        raise InvalidInput(f"the views of anchor {row} hold NaN or infinity", field="views")
    return found if found.shape[1] else None


def check_anchors(source: Array, target: Array) -> tuple[Array, Array]:
    """The anchors with unit rows, in float32; InvalidInput as `fit` says."""
    source, target = np.asarray(source, np.float32), np.asarray(target, np.float32)
    if source.ndim != 2 or target.ndim != 2 or len(source) != len(target):
        raise InvalidInput(
            "anchors are pairs of vectors: as many rows on either side, "
            f"not {source.shape} and {target.shape}",
            field="anchors",
        )
    for side, rows in (("source", source), ("target", target)):
        if not np.isfinite(rows).all():
            row = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise InvalidInput(f"row {row} of the {side} anchors holds NaN or infinity", field="anchors")
        if not rows.any(axis=1).all():
            row = int(np.flatnonzero(~rows.any(axis=1))[0])
            raise InvalidInput(f"row {row} of the {side} anchors is all zeros", field="anchors")
    pairs = np.concatenate([source, target], axis=1)
    first, counts = np.unique(pairs, axis=0, return_index=True, return_counts=True)[1:]
    if (counts > 1).any():
        row = int(first[counts > 1].min())
        same = int(np.flatnonzero((pairs == pairs[row]).all(axis=1))[1])
        raise InvalidInput(f"anchors {row} and {same} are the same pair; give each once", field="anchors")
    return unit_rows(source), unit_rows(target)


def unit_rows(rows: Array) -> Array:
    """Rows of length 1; a row of zeros stays one."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), np.float32)


def unit_tensor(rows: Tensor) -> Tensor:
    """`unit_rows` in torch, along the last axis."""
    unit: Tensor = rows / rows.norm(dim=-1, keepdim=True).clamp_min(EPSILON)
    return unit
