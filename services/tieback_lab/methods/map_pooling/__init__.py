"""Map pooling: the feature maps of a convolutional network become one vector of a picture, or of a region.

Two maps of one network are pooled: `local` has more cells, `deep` has more channels and fewer cells. A region
is pooled as the part of the maps that it covers. A method's file holds the method itself (NumPy); `fit`,
which makes its state from maps without labels; `STATE`, its arrays; and `graph`, the method in torch, through
which a recipe trains the state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form
from tieback.core.state import State, check_state
from tieback_contract.arrays import Array, Box

if TYPE_CHECKING:  # naming the methods imports no torch
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
"""A state in torch."""

FEWEST = 2
"""Pictures that a whitening is fitted on."""

AT_ONCE = 64
"""Pictures whose maps are in float32 at the same time."""

SMALLEST_VARIANCE = 1e-12
"""Of what is whitened: less is rounding."""


class MapPooling(Protocol):
    """A way to pool maps."""

    def __call__(self, local: Array, deep: Array, state: State) -> Array:
        """Unit rows `[n, width]` of the maps `[n, channels, rows, columns]` of n pictures or regions."""
        ...


class Fit(Protocol):
    """Makes a state of maps, without labels: what training starts from."""

    def __call__(self, local: Array, deep: Array, *, width: int, seed: int) -> State:
        """The state for the maps `[n, channels, rows, columns]` of n pictures; vectors get that width."""
        ...


class Graph(Protocol):
    """A map pooling as an exported graph holds it, and as it is trained."""

    def __call__(self, local: Tensor, deep: Tensor, state: Tensors) -> Tensor:
        """As the method, in torch."""
        ...


FIT: Form[Fit] = Form("fit", Fit, own_parameters=True)
GRAPH: Form[Graph] = Form("graph", Graph)

map_poolings: Family[MapPooling] = Family(__name__, MapPooling, FIT, GRAPH, called="map pooling")


def fit(
    name: str,
    local: Array,
    deep: Array,
    parameters: Mapping[str, Any] | None = None,
    *,
    width: int,
    seed: int = 0,
) -> State:
    """The state of the method of that name, fitted on maps `[n, channels, rows, columns]`.

    NotFound for an unknown method. InvalidInput, with the field "maps", where the two do not go together,
    hold NaN or infinity, or are of fewer than two pictures; with "width" where the method cannot give it; and
    with a parameter that is unknown or out of its range.
    """
    fitted = map_poolings.form(FIT, name, parameters)
    if local.ndim != 4 or deep.ndim != 4 or len(local) != len(deep):
        raise InvalidInput(
            "maps are [pictures, channels, rows, columns], of as many pictures each, "
            f"not {list(local.shape)} and {list(deep.shape)}",
            field="maps",
        )
    if len(local) < FEWEST:
        raise InvalidInput(f"maps of {FEWEST} pictures are needed; there are {len(local)}", field="maps")
    if not np.isfinite(local).all() or not np.isfinite(deep).all():
        raise InvalidInput("the maps hold NaN or infinity", field="maps")
    state = fitted(local, deep, width=width, seed=seed)
    sizes = {"local": local.shape[1], "deep": deep.shape[1], "width": width, "one": 1}
    check_state(state, map_poolings.state(name), **sizes)
    return state


def part(maps: Any, box: Box) -> Any:
    """The cells of maps `[..., rows, columns]` that a box covers; of arrays and of tensors alike."""
    rows, columns = (int(size) for size in maps.shape[-2:])
    x, y, width, height = box
    down, across = (y, y + height), (x, x + width)
    top, bottom = (round(edge * rows) for edge in down)
    left, right = (round(edge * columns) for edge in across)
    return maps[..., top:bottom, left:right]


def by_parts(function: Callable[..., Array], *maps: Array) -> Array:
    """What `function` makes of maps in float32, for as many pictures at a time as memory should hold."""
    begins = range(0, len(maps[0]), AT_ONCE)
    parts = [[np.asarray(one[begin : begin + AT_ONCE], np.float32) for one in maps] for begin in begins]
    return np.concatenate([function(*part) for part in parts])


def cells(maps: Array) -> Array:
    """Maps `[n, channels, rows, columns]` as rows `[n, cells, channels]`."""
    return maps.reshape(*maps.shape[:2], -1).swapaxes(1, 2)


def whitening(rows: Array, width: int, shrinkage: float) -> tuple[Array, Array]:
    """The map `[d, width]` and offset `[width]` after which `rows` `[n, d]` have mean 0 and equal variances.

    The principal directions with the largest variances come first. To every variance the share `shrinkage` of
    their mean is added, so that directions which few rows tell about are not blown up. InvalidInput, with the
    field "width", where there are fewer dimensions than that.
    """
    if width > rows.shape[1]:
        raise InvalidInput(f"{rows.shape[1]} dimensions are not whitened into {width}", field="width")
    centre = rows.mean(axis=0, dtype=np.float64)
    centred = rows - centre
    variances, directions = np.linalg.eigh(centred.T @ centred / len(rows))
    order = np.argsort(-variances, kind="stable")[:width]
    least = shrinkage * max(float(variances.mean()), SMALLEST_VARIANCE)
    kept = directions[:, order] / np.sqrt(np.maximum(variances[order], 0) + least)
    return kept.astype(np.float32), (-centre @ kept).astype(np.float32)
