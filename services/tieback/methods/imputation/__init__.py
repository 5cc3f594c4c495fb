"""Imputation of the blocks of a joint vector whose spaces encoded nothing of an input.

A method's file holds the method itself, by a fitted state (NumPy alone); `fit`, which makes that state from
aligned rows: row i says the same thing in every block; and `STATE`, its arrays, whose names hold the places
of blocks, `{a}` and `{b}`. float16 is as good as float32 in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form
from tieback.core.state import State, check_state


class Imputation(Protocol):
    """Imputes missing blocks, or leaves them empty."""

    def __call__(self, blocks: Sequence[Array], present: Array, state: State) -> tuple[list[Array], Array]:
        """The blocks after imputation, and which of them were filled `[n, blocks]` (bool).

        `blocks` are unit rows `[n, width]` each, of which `present` `[n, blocks]` (bool) says which are real;
        the others' content is never read. What is present comes back as it is, what was filled has length 1,
        and what is neither is zeros: nobody may take it for a vector. InvalidInput, with the field "state",
        where the method needs one and has none.
        """
        ...


class Fit(Protocol):
    """Makes a state of aligned rows."""

    def __call__(self, blocks: Sequence[Array]) -> State:
        """The state for `blocks` `[n, width]`; one that has nothing to do with it is zeros throughout."""
        ...


FIT: Form[Fit] = Form("fit", Fit, own_parameters=True)

imputations: Family[Imputation] = Family(__name__, Imputation, FIT)


def fit(name: str, blocks: Sequence[Array], parameters: Mapping[str, Any] | None = None) -> State:
    """The state of the method of that name, fitted on aligned rows `[n, width]` by block.

    A block that has nothing to do with it is zeros throughout; a row counts where every other block has one.
    NotFound for an unknown method. InvalidInput, with the field "anchors", where the blocks do not go
    together, hold NaN or infinity, or fewer than two have rows; and "parameters" where one is unknown.
    """
    make = imputations.form(FIT, name, parameters)
    state = make(_aligned(blocks))
    check(name, state, [block.shape[1] for block in blocks])
    return state


def check(name: str, state: State, widths: Sequence[int]) -> None:
    """InvalidInput, with the field "state", where it is not one of that method for blocks of these widths.

    A block, or a pair of blocks, has all its arrays or none of them.
    """
    if imputations.state(name):
        check_fitted(name, state)
    schema: dict[str, tuple[str, ...]] = {}
    for a, b in permutations(range(len(widths)), 2):
        sizes = {"a": f"width {a}", "b": f"width {b}"}
        arrays = {
            array.format(a=a, b=b): tuple(sizes.get(size, size) for size in shape)
            for array, shape in imputations.state(name).items()
        }
        if arrays.keys() & state.keys():
            schema |= arrays
    check_state(state, schema, **{f"width {place}": width for place, width in enumerate(widths)})


def check_fitted(name: str, state: State) -> None:
    """InvalidInput where there is no state."""
    if not state:
        raise InvalidInput(
            f"{name} was not fitted here: without a state it has nothing to impute", field="state"
        )


def present_rows(blocks: Sequence[Array], present: Array) -> tuple[list[Array], Array]:
    """The blocks with zeros where they are not present, in float32, and `present` as bool.

    InvalidInput where the two do not go together, or what is present holds NaN or infinity.
    """
    known = np.asarray(present, bool)
    if known.ndim != 2 or known.shape[1] != len(blocks) or any(len(one) != len(known) for one in blocks):
        raise InvalidInput(
            f"{len(blocks)} blocks of {[len(one) for one in blocks]} rows do not go with which are present, "
            f"{list(known.shape)}",
            field="present",
        )
    clean = []
    for place, block in enumerate(blocks):
        rows = np.zeros(block.shape, np.float32)
        rows[known[:, place]] = block[known[:, place]]
        if not np.isfinite(rows).all():
            raise InvalidInput("a block that is present holds NaN or infinity", field=at("blocks", place))
        clean.append(rows)
    return clean, known


def _aligned(blocks: Sequence[Array]) -> list[Array]:
    rows = [np.asarray(block, np.float32) for block in blocks]
    if any(block.ndim != 2 or len(block) != len(rows[0]) for block in rows):
        raise InvalidInput(
            f"aligned blocks have as many rows each, not {[list(block.shape) for block in rows]}",
            field="anchors",
        )
    for place, block in enumerate(rows):
        if not np.isfinite(block).all():
            raise InvalidInput(f"the rows of block {place} hold NaN or infinity", field="anchors")
    taking_part = [block.any(axis=1) for block in rows if block.any()]
    if len(taking_part) < 2:
        raise InvalidInput("it takes two blocks with rows to fit the imputation of one", field="anchors")
    complete = np.all(taking_part, axis=0)
    if complete.sum() < 2:
        raise InvalidInput(
            f"it takes two rows that every block has; there are {int(complete.sum())}", field="anchors"
        )
    return [block[complete] for block in rows]
