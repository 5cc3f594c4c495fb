"""Projection: how the vectors of one space enter another, learned from anchors.

Anchors are pairs: row i of one array and row i of the other say the same thing in the two spaces. A method's
file holds the method itself, which projects vectors by a fitted state and is all that serving needs (NumPy
alone), `fit`, which makes that state, and `least_anchors`, how many pairs `fit` needs for two widths. The
state is a mapping of names to arrays, kept as safetensors.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import numpy as np

from tieback.core.errors import InvalidInput
from tieback.core.family import Family
from tieback.core.field_path import at
from tieback.core.types.arrays import Array

State = Mapping[str, Array]
Progress = Callable[[float, str], None]
"""Hears of the share that is done, 0 to 1, and what is being done."""


class Projection(Protocol):
    """A way from one space into another."""

    def __call__(self, vectors: Array, state: State) -> Array:
        """Unit rows `[n, target width]` of `vectors` `[n, source width]`, whose rows are unit too."""
        ...


projections: Family[Projection] = Family(__name__, Projection)


def fit(
    name: str,
    source: Array,
    target: Array,
    parameters: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    progress: Progress = lambda _share, _doing: None,
) -> State:
    """The state of the method of that name, fitted on anchors `source` `[n, d1]` and `target` `[n, d2]`.

    NotFound for an unknown method. InvalidInput, with the field "anchors", where the arrays do not go
    together, hold NaN or infinity, a zero or a repeated row, or are fewer than the method needs; and
    "parameters" where one is unknown.
    """
    projections.get(name)
    module = importlib.import_module(f"{__name__}.{name}")
    source, target = check_anchors(source, target)
    needed = module.least_anchors(source.shape[1], target.shape[1])
    if len(source) < needed:
        raise InvalidInput(
            f"{name} needs {needed} anchors between spaces of width {source.shape[1]} and {target.shape[1]}; "
            f"there are {len(source)}",
            field="anchors",
        )
    known = {key for key in module.fit.__kwdefaults__ or {} if key not in ("seed", "progress")}
    if unknown := sorted(set(parameters or {}) - known):
        raise InvalidInput(
            f"{name} has no parameter {unknown[0]!r}; "
            f"its parameters are: {', '.join(sorted(known)) or 'none'}",
            field=at("parameters")[unknown[0]],
        )
    return cast("State", module.fit(source, target, seed=seed, progress=progress, **(parameters or {})))


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
