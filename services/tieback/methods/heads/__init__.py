"""Heads: classifiers over the vectors of a space, learned from few labelled examples.

A method's file holds the method itself, which is all that a prediction needs (NumPy alone); `fit`, which
learns its state of examples; and `STATE`, the arrays of that. The length of a vector does not count. A method
whose state has an array "memory" keeps labelled vectors, which it looks at for each prediction, and says by
`memory_share` how much they counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT, FieldPath, at

from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form
from tieback.core.state import State, check_state
from tieback.methods.projection import unit_rows

FOLDS = 5
"""Parts of the examples, of which each in turn is predicted by what was learned from the others."""
MEMORY = "memory"


class Memory(NamedTuple):
    """Labelled vectors to be looked at: rows `[m, width]`, and the numbers `[m]` of their classes."""

    vectors: Array
    labels: Array


class HeadMethod(Protocol):
    """A classifier."""

    def __call__(self, vectors: Array, state: State) -> Array:
        """The probabilities `[n, classes]` of unit rows `vectors` `[n, width]`; each row has the sum 1."""
        ...


class Fit(Protocol):
    """Learns a state of examples."""

    def __call__(self, vectors: Array, labels: Array, *, memory: Memory | None) -> State:
        """The state for unit rows `vectors` `[n, width]` of the classes `labels` `[n]`.

        Classes are numbered from 0, and each has an example. `memory` are vectors for a method that keeps
        some, in place of the examples.
        """
        ...


class MemoryShare(Protocol):
    """How much of a prediction is the memory's."""

    def __call__(self, vectors: Array, state: State) -> Array:
        """The shares `[n]`, 0 to 1, of unit rows `vectors` `[n, width]`."""
        ...


FIT: Form[Fit] = Form("fit", Fit, own_parameters=True)
MEMORY_SHARE: Form[MemoryShare] = Form("memory_share", MemoryShare, required=False)

heads: Family[HeadMethod] = Family(__name__, HeadMethod, FIT, MEMORY_SHARE, called="head method")


def fit(
    name: str,
    vectors: Array,
    labels: Array,
    memory: Memory | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    field: FieldPath | str = ROOT,
) -> State:
    """The state of the method of that name, fitted on `vectors` `[n, width]` of the classes `labels` `[n]`.

    NotFound for an unknown method. InvalidInput, with the field "vectors" or "memory" and the row, where the
    arrays do not go together, or a row is zeros or holds NaN or infinity; with "labels" where these are not
    whole numbers from 0, there are fewer than two, or one has no example; with "memory" where the method
    keeps none; and with a parameter, under `field`, that is unknown or out of its range.
    """
    learn = heads.form(FIT, name, parameters, field=field)
    rows, numbers = _checked(vectors, labels, "vectors")
    classes = int(numbers.max(initial=-1)) + 1
    if classes < 2:
        raise InvalidInput(f"a head tells two classes apart at least; there are {classes}", field="labels")
    lacking = np.flatnonzero(np.bincount(numbers, minlength=classes) == 0)
    if len(lacking):
        raise InvalidInput(f"the class {int(lacking[0])} has no example", field="labels")
    kept = None if memory is None else _checked_memory(name, memory, rows.shape[1], classes)
    state = learn(rows, numbers, memory=kept)
    check_state(state, heads.state(name), width=rows.shape[1], classes=classes)
    return state


def keeps_memory(name: str) -> bool:
    """Whether the method of that name keeps labelled vectors. NotFound for an unknown method."""
    return MEMORY in heads.state(name)


def probabilities(name: str, vectors: Array, state: State) -> Array:
    """What the method of that name says of `vectors` `[n, width]`, whatever their lengths."""
    return heads.get(name)(unit_rows(np.asarray(vectors, np.float32)), state)


def memory_shares(name: str, vectors: Array, state: State) -> Array | None:
    """How much the memory counts `[n]`, 0 to 1, for `vectors` `[n, width]`; None of a method without one."""
    if not heads.has(MEMORY_SHARE, name):
        return None
    return heads.form(MEMORY_SHARE, name)(unit_rows(np.asarray(vectors, np.float32)), state)


def dealt(labels: Array, folds: int = FOLDS) -> Array:
    """The part `[n]`, 0 to below `folds`, that each example is dealt to: of each class as many, if it can be.

    A class with two examples or more is in two parts at least.
    """
    parts = np.zeros(len(labels), np.int64)
    draw = np.random.default_rng(0)
    for number in np.unique(labels):
        places = draw.permutation(np.flatnonzero(labels == number))
        parts[places] = (np.arange(len(places)) + number) % folds
    return parts


def predicted_without(
    name: str,
    vectors: Array,
    labels: Array,
    held_out: Array,
    memory: Memory | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Array:
    """The probabilities `[held out, classes]` of the examples `held_out` `[n]` (bool), learned of the others.

    A class that has no example among the others gets the probability of chance.
    """
    classes = int(labels.max()) + 1
    learned = ~held_out
    known = np.unique(labels[learned])
    found = np.full((int(held_out.sum()), classes), 1 / classes, np.float32)
    if len(known) >= 2:
        if memory is not None:
            is_known = np.isin(memory.labels, known)
            memory = Memory(memory.vectors[is_known], np.searchsorted(known, memory.labels[is_known]))
        numbers = np.searchsorted(known, labels[learned])
        state = fit(name, vectors[learned], numbers, memory, parameters)
        found[:, known] = probabilities(name, vectors[held_out], state) * (len(known) / classes)
    return found


def _checked_memory(name: str, memory: Memory, width: int, classes: int) -> Memory | None:
    """The memory with unit rows; None of one without rows."""
    if not len(memory.vectors):
        return None
    if not keeps_memory(name):
        having = ", ".join(one for one in heads.names() if keeps_memory(one))
        raise InvalidInput(f"{name} keeps no memory; {having} does", field=MEMORY)
    rows, numbers = _checked(memory.vectors, memory.labels, MEMORY)
    if rows.shape[1] != width or numbers.max() >= classes:
        raise InvalidInput(
            f"a memory of width {rows.shape[1]} and of classes up to {int(numbers.max())} does not go "
            f"with examples of width {width} and {classes} classes",
            field=MEMORY,
        )
    return Memory(rows, numbers)


def _checked(vectors: Array, labels: Array, field: str) -> tuple[Array, Array]:
    """Unit rows in float32, and the labels as whole numbers."""
    rows, numbers = np.asarray(vectors, np.float32), np.asarray(labels)
    if rows.ndim != 2 or numbers.shape != (len(rows),):
        raise InvalidInput(
            f"vectors are [examples, width], with a label each, not {list(rows.shape)} and "
            f"{list(numbers.shape)}",
            field=field,
        )
    if not np.issubdtype(numbers.dtype, np.integer) or (numbers < 0).any():
        place = "labels" if field == "vectors" else field
        raise InvalidInput("labels are whole numbers from 0", field=place)
    usable = np.isfinite(rows).all(axis=1) & rows.any(axis=1)
    if not usable.all():
        row = int(np.flatnonzero(~usable)[0])
        raise InvalidInput("the vector is zeros, or holds NaN or infinity", field=at(field, row))
    return unit_rows(rows), numbers.astype(np.int64)
