"""Imputes a missing block from the nearest of stored rows.

A baseline for PTUnifier (Chen et al., 2023, arXiv:2302.08958), which learns a pool of prompts for each
modality; the modality that is there selects the k most alike, and these take the place of the absent one's
tokens (k = 32 in place of text), for attention to weight. Here nothing is learned: the pool holds inputs that
every space encoded at binding. The k entries of the highest mean cosine to the present blocks are taken, and
the missing block is the mean of theirs, weighted by a softmax over the cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.core.state import State
from tieback.methods.imputation import check_fitted, imputations, present_rows
from tieback.methods.projection import Count, unit_rows
from tieback_contract.arrays import Array

STATE = {"rows.{a}": ("entries", "a")}


@imputations.method
def nearest_neighbours(
    blocks: Sequence[Array],
    present: Array,
    state: State,
    *,
    k: Annotated[int, Field(ge=1, le=4096)] = 32,
    sharpness: Annotated[float, Field(ge=0, le=1000)] = 20.0,
) -> tuple[list[Array], Array]:
    """normalise(Σ softmax(sharpness · cosine)_e · entry e in the missing block) over the k nearest entries.

    A pool of fewer entries answers with all of them.
    """
    check_fitted("nearest_neighbours", state)
    out, known = present_rows(blocks, present)
    filled = np.zeros_like(known)
    entries = {place: state[_rows(place)] for place in range(len(out)) if _rows(place) in state}
    selecting = known[:, list(entries)]
    lacking = np.flatnonzero(selecting.any(axis=1) & ~selecting.all(axis=1))
    if not len(lacking):
        return out, filled
    cosines = sum(out[place][lacking] @ rows.T for place, rows in entries.items())
    cosines = cosines / selecting[lacking].sum(axis=1, keepdims=True)
    k = min(k, cosines.shape[1])
    nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    exponents = sharpness * np.take_along_axis(cosines, nearest, axis=1)
    weights = np.exp(exponents - exponents.max(axis=1, keepdims=True))
    for place, rows in entries.items():
        missing = ~known[lacking, place]
        found = np.einsum("nk,nkw->nw", weights[missing], np.asarray(rows[nearest[missing]], np.float32))
        out[place][lacking[missing]] = unit_rows(found)
        filled[lacking[missing], place] = found.any(axis=1)
    return out, filled


def fit(blocks: Sequence[Array], *, entries: Count = 2048) -> State:
    """The aligned rows of the blocks that have some, at most `entries` of them, evenly taken.

    2048 as in the paper.
    """
    count = len(blocks[0])
    taken = np.linspace(0, count - 1, min(entries, count)).round().astype(np.int64)
    return {_rows(place): unit_rows(block[taken]) for place, block in enumerate(blocks) if block.any()}


def _rows(place: int) -> str:
    return f"rows.{place}"
