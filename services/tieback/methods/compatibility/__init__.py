"""Compatibility: vectors of a new encoder that can be compared with stored vectors of an old one.

A method is learned from anchors: contents that both encoders encoded. It maps the vectors of the new encoder
so that their leading dimensions, as many as the old space has, are in the old space; further dimensions hold
what the old space lacks. A method's file holds the method itself, which is all that serving needs (NumPy
alone); `fit`, which learns its state; `STATE`, the arrays of that; and `least_anchors`, how many anchors
`fit` needs for two widths.

Two kinds of methods are here. Maps after the fact are for encoders that stay as they are: they are fitted in
closed form, in both directions, and their form `translate` brings stored vectors of the old encoder into the
new space, where they compare with what the new encoder says. Compatible training learns a layer behind the
new encoder, with PyTorch, so that what it says compares with old vectors and loses nothing by it. Its form
`graph` puts the layer into the encoder's own graph (`tieback train compatible`): that makes an encoder whose
vectors compare with old ones `as_trained`. A method that needs a first version of its kind has the form
`first_version`, and learns from classes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT, FieldPath

from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form
from tieback.core.state import State, check_state
from tieback.methods.projection import Progress, Tensors, check_anchors, unit_rows

if TYPE_CHECKING:  # serving trains nothing and exports nothing
    from torch import Tensor


class Compatibility(Protocol):
    """A map of a new encoder's vectors."""

    def __call__(self, vectors: Array, state: State) -> Array:
        """Unit rows `[n, width]` of the new encoder's unit rows `vectors` `[n, new width]`.

        Their first `old width` dimensions are compared with vectors of the old encoder (`shared`), all of
        them with each other.
        """
        ...


class Fit(Protocol):
    """Learns a state from anchors."""

    def __call__(
        self,
        old: Array,
        new: Array,
        classes: Array | None,
        *,
        seed: int,
        checkpoint: Path | None,
        progress: Progress,
    ) -> State:
        """The state for unit rows `old` `[n, old width]` and `new` `[n, new width]` of the same contents.

        `classes` `[n]` are numbers from 0 to below how many there are; None where each content is a class of
        its own. A `checkpoint` is a file by which a fit that was interrupted continues.
        """
        ...


class LeastAnchors(Protocol):
    """The fewest anchors that a method can be fitted on."""

    def __call__(self, old_width: int, new_width: int) -> int:
        """For spaces of these widths."""
        ...


class Translate(Protocol):
    """A map of stored vectors."""

    def __call__(self, old: Array, state: State) -> Array:
        """Unit rows `[n, new width]` of the old encoder's unit rows `old` `[n, old width]`.

        They compare with vectors of the new encoder as it is.
        """
        ...


class First(Protocol):
    """Learns a first version, which later ones are compatible with."""

    def __call__(
        self, new: Array, classes: Array, *, seed: int, checkpoint: Path | None, progress: Progress
    ) -> State:
        """The state for unit rows `new` `[n, new width]` of contents of `classes` `[n]`, as for `Fit`."""
        ...


class Graph(Protocol):
    """The form of a trained layer in an exported graph."""

    def __call__(self, vectors: Tensor, state: Tensors) -> Tensor:
        """As the method, in torch, for unit rows."""
        ...


FIT: Form[Fit] = Form("fit", Fit, own_parameters=True)
LEAST_ANCHORS: Form[LeastAnchors] = Form("least_anchors", LeastAnchors)
TRANSLATE: Form[Translate] = Form("translate", Translate, required=False)
FIRST: Form[First] = Form("first_version", First, required=False, own_parameters=True)
GRAPH: Form[Graph] = Form("graph", Graph, required=False)

AS_TRAINED = "as_trained"
"""The policy of encoders that were trained to be compatible."""

compatibilities: Family[Compatibility] = Family(
    __name__, Compatibility, FIT, LEAST_ANCHORS, TRANSLATE, FIRST, GRAPH, called="upgrade policy"
)


def translates(name: str) -> bool:
    """Whether the method brings stored vectors into the new space. Its `fit` is then NumPy alone."""
    return compatibilities.has(TRANSLATE, name)


def needs_classes(name: str) -> bool:
    """Whether the method learns from contents with classes alone."""
    return compatibilities.has(FIRST, name)


def fit(
    name: str,
    old: Array,
    new: Array,
    classes: Array | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Progress = lambda _share, _doing: None,
    field: FieldPath | str = ROOT,
) -> State:
    """The state of the method of that name, fitted on anchors `old` `[n, d1]` and `new` `[n, d2]`.

    `classes` `[n]` are whole numbers, equal for contents of one class. NotFound for an unknown method.
    InvalidInput, with the field "anchors", where the arrays do not go together, hold NaN or infinity, a zero
    or a repeated row, or are fewer than the method needs; with "classes" where those are not as many, or only
    one; and with a parameter, under `field`, that is unknown or out of its range.
    """
    fitted = compatibilities.form(FIT, name, parameters, field=field)
    old, new = check_anchors(old, new)
    check_count(name, len(old), old.shape[1], new.shape[1])
    shown = None if classes is None else numbered(classes, len(old))
    state = fitted(old, new, shown, seed=seed, checkpoint=checkpoint, progress=progress)
    check_state(state, compatibilities.state(name), new=new.shape[1])
    return state


def shared(vectors: Array, old_width: int) -> Array:
    """Unit rows `[n, old width]` of mapped `vectors` `[n, width]`: what compares with the old encoder's."""
    if vectors.shape[1] < old_width:
        raise InvalidInput(
            f"mapped vectors are {vectors.shape[1]} wide, and the old space is {old_width}", field="vectors"
        )
    return unit_rows(vectors[:, :old_width])


def padded(old: Array, width: int) -> Array:
    """Vectors of the old encoder `[n, old width]` with zeros behind them `[n, width]`.

    For one mapped vector they are in the order in which they are for `shared`: its further dimensions do not
    count.
    """
    if old.shape[1] > width:
        raise InvalidInput(f"vectors of width {old.shape[1]} cannot be padded to {width}", field="width")
    return np.pad(old, ((0, 0), (0, width - old.shape[1])))


def check_count(name: str, count: int, old_width: int, new_width: int) -> None:
    """InvalidInput where so many anchors are too few for a method."""
    needed = compatibilities.form(LEAST_ANCHORS, name)(old_width, new_width)
    if count < needed:
        raise InvalidInput(f"{name} needs {needed} anchors; there are {count}", field="anchors")


def numbered(classes: Array, count: int) -> Array:
    """The classes as numbers from 0, in the order of what they were called."""
    found = np.asarray(classes)
    if found.shape != (count,) or not np.issubdtype(found.dtype, np.integer):
        raise InvalidInput(
            f"classes are whole numbers, one for each of {count} anchors, not {found.dtype} "
            f"{list(found.shape)}",
            field="classes",
        )
    called, numbers = np.unique(found, return_inverse=True)
    if len(called) < 2:
        raise InvalidInput("all anchors are of one class; give two classes, or none", field="classes")
    return np.asarray(numbers, np.int64)
