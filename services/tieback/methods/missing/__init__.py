"""Imputation of the blocks of a joint vector whose spaces encoded nothing of an input.

A method's file holds the method itself, by a fitted state (NumPy alone), and `fit`, which makes that state
from aligned rows: row i says the same thing in every block. The state is a mapping of names to arrays, kept
as safetensors; it names blocks by their places, and float16 is as good as float32 in it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np

from tieback.core.errors import InvalidInput
from tieback.core.family import Family
from tieback.core.field_path import at
from tieback.core.types.arrays import Array

State = Mapping[str, Array]


class StandIn(Protocol):
    """A way to do without the blocks that are silent."""

    def __call__(self, blocks: Sequence[Array], spoke: Array, state: State) -> tuple[list[Array], Array]:
        """The blocks with what stands in, and which were filled `[n, blocks]` (bool).

        `blocks` are unit rows `[n, width]` each, of which `spoke` `[n, blocks]` (bool) says which are real;
        the others' content is never read. What spoke comes back as it is, what was filled has length 1, and
        what is neither is zeros: nobody may take it for a vector. InvalidInput, with the field "state", where
        the method needs one and has none.
        """
        ...


missing: Family[StandIn] = Family(__name__, StandIn)


def fit(name: str, blocks: Sequence[Array], parameters: Mapping[str, Any] | None = None) -> State:
    """The state of the method of that name, fitted on aligned rows `[n, width]` by block.

    A block that has nothing to do with it is zeros throughout; a row counts where every other block has one.
    NotFound for an unknown method. InvalidInput, with the field "anchors", where the blocks do not go
    together, hold NaN or infinity, or fewer than two speak; and "parameters" where one is unknown.
    """
    missing.get(name)
    module = importlib.import_module(f"{__name__}.{name}")
    aligned = _aligned(blocks)
    known = set(module.fit.__kwdefaults__ or {})
    if unknown := sorted(set(parameters or {}) - known):
        raise InvalidInput(
            f"fitting {name} has no parameter {unknown[0]!r}; "
            f"its parameters are: {', '.join(sorted(known)) or 'none'}",
            field=at("parameters")[unknown[0]],
        )
    return cast("State", module.fit(aligned, **(parameters or {})))


def speaking(blocks: Sequence[Array], spoke: Array) -> tuple[list[Array], Array]:
    """The blocks with zeros where they did not speak, in float32, and `spoke` as bool.

    InvalidInput where the two do not go together, or what spoke holds NaN or infinity.
    """
    heard = np.asarray(spoke, bool)
    if heard.ndim != 2 or heard.shape[1] != len(blocks) or any(len(one) != len(heard) for one in blocks):
        raise InvalidInput(
            f"{len(blocks)} blocks of {[len(one) for one in blocks]} rows do not go with who spoke, "
            f"{list(heard.shape)}",
            field="spoke",
        )
    clean = []
    for place, block in enumerate(blocks):
        rows = np.zeros(block.shape, np.float32)
        rows[heard[:, place]] = block[heard[:, place]]
        if not np.isfinite(rows).all():
            raise InvalidInput("a block that spoke holds NaN or infinity", field=at("blocks", place))
        clean.append(rows)
    return clean, heard


def fitted(name: str, state: State) -> None:
    """InvalidInput where there is no state."""
    if not state:
        raise InvalidInput(
            f"{name} was not fitted here: without a state it has nothing to put in place", field="state"
        )


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
        raise InvalidInput("it takes two blocks that speak to fit what stands in for one", field="anchors")
    complete = np.all(taking_part, axis=0)
    if complete.sum() < 2:
        raise InvalidInput(
            f"it takes two rows that every block speaks of; there are {int(complete.sum())}", field="anchors"
        )
    return [block[complete] for block in rows]
