"""Imputes a missing block by ridge regression from the others (CLHE, Ma et al., 2024, arXiv:2310.18770).

In the paper an item without a collaborative feature gets its content features in its place, in one space that
is trained for it. Here the spaces stay as they are: an affine map fitted by ridge regression leads from each
present block to the missing one, and the mean of what the maps give is scaled to length 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.core.types.arrays import Array
from tieback.methods.missing import State, fitted, missing, speaking
from tieback.methods.projection import affine, unit_rows


@missing.method
def substitute(blocks: Sequence[Array], spoke: Array, state: State) -> tuple[list[Array], Array]:
    """normalise(Σ normalise(b_i W_ij + c_ij)) over the blocks i that spoke and have a map into block j."""
    fitted("substitute", state)
    out, heard = speaking(blocks, spoke)
    filled = np.zeros_like(heard)
    for target in range(len(out)):
        total = np.zeros_like(out[target])
        for source in range(len(out)):
            led = heard[:, source] & ~heard[:, target]
            if led.any() and _map(source, target) in state:
                way = {"map": state[_map(source, target)], "offset": state[_offset(source, target)]}
                total[led] += affine.affine(out[source][led], way)
                filled[led, target] = True
        said = total.any(axis=1)  # what points to opposite sides says nothing
        filled[:, target] &= said
        out[target][said] = unit_rows(total[said])
    return out, filled


def fit(blocks: Sequence[Array], *, ridge: float = 0.1) -> State:
    """A map and an offset for each ordered pair of blocks that speak; `ridge` as `affine` has it."""
    state: dict[str, Array] = {}
    speak = [place for place, block in enumerate(blocks) if block.any()]
    for source in speak:
        for target in speak:
            if source != target:
                found = affine.fit(unit_rows(blocks[source]), unit_rows(blocks[target]), ridge=ridge)
                state[_map(source, target)] = found["map"]
                state[_offset(source, target)] = found["offset"]
    return state


def _map(source: int, target: int) -> str:
    return f"map.{source}.{target}"


def _offset(source: int, target: int) -> str:
    return f"offset.{source}.{target}"
