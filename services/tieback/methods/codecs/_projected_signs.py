"""Signs of learned projections: the codec that the methods share which learn bits.

A vector is the signs of `projection`ᵀ · vector − `thresholds`, and is decoded as `centre` + `projection` ·
signs. The signs are kept, and compared with a query, as the codec `binary` does: the query is projected and
not made signs, so that its own magnitudes count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.core.state import Schema, State
from tieback.methods.codecs import Codec, LearnedCodec, Shortlist, plain

STATE: Schema = {"centre": ("width",), "projection": ("width", "bits"), "thresholds": ("bits",)}

_FEWEST_BITS = 8


def bits_of(width: int, bits_per_dimension: float) -> int:
    """How many bits a vector has. InvalidInput where they are too few to tell vectors apart."""
    bits = round(width * bits_per_dimension)
    if bits < _FEWEST_BITS:
        raise InvalidInput(
            f"{bits_per_dimension:g} bits for each of {width} dimensions are {bits}; {_FEWEST_BITS} bits of "
            "a vector are the fewest",
            field=at("parameters", "bits_per_dimension"),
        )
    return bits


def learned_signs(learned_from: int, shortlist: Shortlist, fit: Callable[[Array], State]) -> LearnedCodec:
    """The codec of a method whose `fit` makes a projection."""
    return LearnedCodec(learned_from, STATE, fit, lambda state: _with_state(state, shortlist), shortlist)


def _with_state(state: State, shortlist: Shortlist) -> Codec:
    centre, projection, thresholds = (np.asarray(state[name], np.float32) for name in STATE)
    bits = projection.shape[1]
    signs = plain("binary", bits, field="rows")
    length = np.float32(bits**0.5)  # of the signs, which `binary` divides by it

    def encode(vectors: Array) -> Array:
        return signs.encode(vectors @ projection - thresholds)

    def decode(rows: Array) -> Array:
        return np.asarray(centre + (length * signs.decode(rows)) @ projection.T, np.float32)

    def similarities(query: Array, rows: Array) -> Array:
        return np.asarray(length * signs.similarities(query @ projection, rows) + query @ centre, np.float32)

    return Codec(
        *(signs.dtype, signs.columns, encode, decode, similarities), shortlist=shortlist, only_orders=True
    )
