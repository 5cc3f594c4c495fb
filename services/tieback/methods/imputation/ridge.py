"""Imputes a missing block by ridge regression from the others.

A baseline for CLHE (Ma et al., 2024, arXiv:2310.18770), which gives an item without a collaborative feature
its content features in their place, in one space that is trained for it. Here the spaces stay as they are: an
affine map fitted by ridge regression leads from each present block to the missing one, and the mean of the
maps' vectors is scaled to length 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.imputation import check_fitted, imputations, present_rows
from tieback.methods.projection import NotNegative, affine, unit_rows

STATE = {"map.{a}.{b}": ("a", "b"), "offset.{a}.{b}": ("b",)}


@imputations.method
def ridge(blocks: Sequence[Array], present: Array, state: State) -> tuple[list[Array], Array]:
    """normalise(Σ normalise(b_i W_ij + c_ij)) over the present blocks i that have a map into block j."""
    check_fitted("ridge", state)
    out, known = present_rows(blocks, present)
    filled = np.zeros_like(known)
    for target in range(len(out)):
        total = np.zeros_like(out[target])
        for source in range(len(out)):
            rows = known[:, source] & ~known[:, target]
            if rows.any() and _map(source, target) in state:
                fitted = {"map": state[_map(source, target)], "offset": state[_offset(source, target)]}
                total[rows] += affine.affine(out[source][rows], fitted)
                filled[rows, target] = True
        found = total.any(axis=1)  # maps that point to opposite sides say nothing
        filled[:, target] &= found
        out[target][found] = unit_rows(total[found])
    return out, filled


def fit(blocks: Sequence[Array], *, ridge: NotNegative = 0.1) -> State:
    """A map and an offset for each ordered pair of blocks that have rows; `ridge` as `affine` has it."""
    state: dict[str, Array] = {}
    having = [place for place, block in enumerate(blocks) if block.any()]
    for source in having:
        for target in having:
            if source != target:
                found = affine.fit(unit_rows(blocks[source]), unit_rows(blocks[target]), ridge=ridge)
                state[_map(source, target)] = found["map"]
                state[_offset(source, target)] = found["offset"]
    return state


def _map(source: int, target: int) -> str:
    return f"map.{source}.{target}"


def _offset(source: int, target: int) -> str:
    return f"offset.{source}.{target}"
