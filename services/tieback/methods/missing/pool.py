"""Imputes a missing block from its nearest neighbours in a pool (PTUnifier, Chen, 2023, arXiv:2302.08958).

The paper learns a pool of prompts for each modality; the modality that is there selects the k most alike, and
these take the place of the absent one's tokens (k = 32 in place of text), for attention to weight. Here the
pool holds inputs that every space encoded at binding. The k entries of the highest mean cosine to the present
blocks are taken, and the missing block is the mean of theirs, weighted by a softmax over the cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from tieback.core.errors import InvalidInput
from tieback.core.field_path import at
from tieback.core.types.arrays import Array
from tieback.methods.missing import State, fitted, missing, speaking
from tieback.methods.projection import unit_rows


@missing.method
def pool(
    blocks: Sequence[Array],
    spoke: Array,
    state: State,
    *,
    k: Annotated[int, Field(ge=1, le=4096)] = 32,
    sharpness: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 20.0,
) -> tuple[list[Array], Array]:
    """normalise(Σ softmax(sharpness · cosine)_e · entry e in the silent block) over the k nearest entries.

    A smaller pool answers with all that it has.
    """
    fitted("pool", state)
    out, heard = speaking(blocks, spoke)
    filled = np.zeros_like(heard)
    entries = {place: state[_rows(place)] for place in range(len(out)) if _rows(place) in state}
    selecting = heard[:, list(entries)]
    lacking = np.flatnonzero(selecting.any(axis=1) & ~selecting.all(axis=1))
    if not len(lacking):
        return out, filled
    cosines = sum(out[place][lacking] @ rows.T for place, rows in entries.items())
    cosines = cosines / selecting[lacking].sum(axis=1, keepdims=True)
    k = min(k, cosines.shape[1])
    nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    loud = sharpness * np.take_along_axis(cosines, nearest, axis=1)
    weights = np.exp(loud - loud.max(axis=1, keepdims=True))
    for place, rows in entries.items():
        silent = ~heard[lacking, place]
        said = np.einsum("nk,nkw->nw", weights[silent], np.asarray(rows[nearest[silent]], np.float32))
        out[place][lacking[silent]] = unit_rows(said)
        filled[lacking[silent], place] = said.any(axis=1)
    return out, filled


def fit(blocks: Sequence[Array], *, entries: int = 2048) -> State:
    """The pool itself: the aligned rows of the blocks that speak, at most `entries` of them, evenly taken.

    2048 as in the paper. InvalidInput where `entries` is less than 1.
    """
    if entries < 1:
        raise InvalidInput(
            f"a pool of {entries} entries holds nothing; give it 1 or more", field=at("parameters", "entries")
        )
    count = len(blocks[0])
    taken = np.linspace(0, count - 1, min(entries, count)).round().astype(np.int64)
    return {_rows(place): unit_rows(block[taken]) for place, block in enumerate(blocks) if block.any()}


def _rows(place: int) -> str:
    return f"rows.{place}"
