"""Product quantisation (Jégou et al., 2011, doi:10.1109/TPAMI.2010.57) after a learned rotation (OPQ: Ge et
al., 2013, doi:10.1109/CVPR.2013.379).

The vectors are rotated and cut into subvectors, and each is replaced by the nearest of 256 centres, which
k-means finds for its place: one byte. The rotation, which begins as that of `itq`, is fitted in turn with the
centres: the one that brings the vectors nearest to what their rows are decoded to, by orthogonal Procrustes.
A query is compared by a table of its products with all centres, so it is not rounded. With
`dimensions_per_byte` 8 a row is as large as that of `binary`. It fails where the collection comes to hold
vectors that are far from all that it learned from.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.core.state import Schema, State
from tieback.methods.codecs import Codec, LearnedCodec, LearnedFrom, Oversampling, Shortlist, codecs, itq

STATE: Schema = {"rotation": ("width", "width"), "centres": ("places", "steps", "dimensions")}

STEPS = 256
"""Centres for each subvector: as many as a byte tells apart."""

_ROUNDS = 10  # of k-means, in each of which the rotation follows
_AT_ONCE = 4096  # vectors that are compared with the centres at a time


@codecs.method
def product(
    width: int,
    *,
    dimensions_per_byte: Annotated[int, Field(ge=1, le=64)] = 8,
    learned_from: LearnedFrom = 10_000,
    oversampling: Oversampling = 16.0,
    rescoring: str = "float32",
) -> LearnedCodec:
    """A row has a byte for each so many dimensions, of which the width is a multiple."""
    if width % dimensions_per_byte:
        fitting = ", ".join(str(size) for size in range(1, 65) if width % size == 0)
        raise InvalidInput(
            f"{width} dimensions are no multiple of {dimensions_per_byte}; take one of {fitting}",
            field=at("parameters", "dimensions_per_byte"),
        )
    shortlist = Shortlist(oversampling, rescoring)
    learn = partial(fit, dimensions_per_byte=dimensions_per_byte)
    return LearnedCodec(learned_from, STATE, learn, lambda state: _with_state(state, shortlist), shortlist)


def fit(vectors: Array, *, dimensions_per_byte: int = 8) -> State:
    """The rotation and the centres for vectors `[n, width]`; some seconds for 20,000 of 384 dimensions."""
    width = vectors.shape[1]
    begun = itq.fit(vectors, bits=width, rounds=_ROUNDS)["projection"]
    rotation = begun / np.linalg.norm(begun[:, 0])
    draws = np.random.default_rng(0)
    chosen = vectors[draws.choice(len(vectors), STEPS, replace=len(vectors) < STEPS)]
    centres = _cut(chosen @ rotation, width // dimensions_per_byte)
    for _ in range(_ROUNDS):
        rotated = vectors @ rotation
        rows = _nearest(rotated, centres)
        centres = _means(rotated, rows, centres, draws)
        left, _, right = np.linalg.svd(vectors.T @ _decoded(rows, centres))
        rotation = np.asarray(left @ right, np.float32)
    return {"rotation": rotation, "centres": centres}


def _with_state(state: State, shortlist: Shortlist) -> Codec:
    rotation, centres = (np.asarray(state[name], np.float32) for name in STATE)
    places = len(centres)

    def encode(vectors: Array) -> Array:
        return _nearest(vectors @ rotation, centres)

    def decode(rows: Array) -> Array:
        return np.asarray(_decoded(rows, centres) @ rotation.T)

    def similarities(query: Array, rows: Array) -> Array:
        tables = np.einsum("psd,pd->ps", centres, (query @ rotation).reshape(places, -1))
        found = np.zeros(len(rows), np.float32)
        for place, table in enumerate(tables):
            found += table.take(rows[:, place])
        return found

    return Codec(np.dtype(np.uint8), places, encode, decode, similarities, shortlist, only_orders=True)


def _cut(rotated: Array, places: int) -> Array:
    """Vectors `[n, width]` as subvectors `[places, n, dimensions]`."""
    return np.ascontiguousarray(rotated.reshape(len(rotated), places, -1).swapaxes(0, 1))


def _nearest(rotated: Array, centres: Array) -> Array:
    """Rows `[n, places]`: the number of the centre that is nearest to each subvector."""
    halves = 0.5 * np.square(centres).sum(axis=2)
    rows = np.empty((len(rotated), len(centres)), np.uint8)
    for begin in range(0, len(rotated), _AT_ONCE):
        chunk = slice(begin, begin + _AT_ONCE)
        for place, cut in enumerate(_cut(rotated[chunk], len(centres))):
            rows[chunk, place] = (cut @ centres[place].T - halves[place]).argmax(axis=1)
    return rows


def _means(rotated: Array, rows: Array, centres: Array, draws: np.random.Generator) -> Array:
    """The centres `[places, STEPS, dimensions]` of the subvectors of each number.

    A number that no subvector has gets one that is drawn.
    """
    means = np.empty_like(centres)
    for place, cut in enumerate(_cut(rotated, len(centres))):
        counts = np.bincount(rows[:, place], minlength=STEPS)[:, None]
        sums = np.stack([np.bincount(rows[:, place], column, STEPS) for column in cut.T], axis=1)
        drawn = cut[draws.integers(len(cut), size=STEPS)]
        means[place] = np.where(counts > 0, sums / np.maximum(counts, 1), drawn)
    return means


def _decoded(rows: Array, centres: Array) -> Array:
    """Rotated vectors `[n, width]` of rows `[n, places]`."""
    cuts = [centres[place].take(rows[:, place], axis=0) for place in range(len(centres))]
    return np.concatenate([np.zeros((len(rows), 0), np.float32), *cuts], axis=1)
