"""Codecs: how a collection keeps its vectors in memory, as rows of numbers.

A method is called with the width of the vectors. What it returns says how they become rows, how a query is
compared with rows, and what the rows are for. Rows without a `shortlist` are compared as they are. The others
choose candidates, which are compared by their rows on disk.

Some methods learn their rows: they return a `LearnedCodec`, which makes a state of vectors, and a codec of
the state. The file of such a method has `STATE`, the arrays of its state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice

from tieback.core.errors import InvalidInput
from tieback.core.family import Family
from tieback.core.state import Schema, State

LARGEST_HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Shortlist:
    """How the candidates that rows choose are compared.

    For each hit that is asked for, `oversampling` candidates are compared; their rows on disk are those of
    the codec `rescoring`, with its defaults.
    """

    oversampling: float
    rescoring: str


@dataclass(frozen=True, slots=True)
class Codec:
    """Rows `[n, columns]` of a `dtype` for vectors `[n, width]`.

    `encode` makes rows of finite float32 vectors, and `decode` makes float32 vectors of rows. `similarities`
    of a query `[width]` and rows are `[n]`, float32: about the inner products with the vectors. Where a codec
    `only_orders`, they are good for the order alone. Where there is a `prefix`, rows know the first so many
    dimensions and no others.
    """

    dtype: np.dtype[Any]
    columns: int
    encode: Callable[[Array], Array]
    decode: Callable[[Array], Array]
    similarities: Callable[[Array, Array], Array]
    shortlist: Shortlist | None = None
    only_orders: bool = False
    prefix: int | None = None

    @property
    def row_bytes(self) -> int:
        """Bytes of a vector's row."""
        return self.columns * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class LearnedCodec:
    """A codec whose rows are learned from vectors.

    `fit` makes a state of the arrays of `schema` from finite float32 vectors `[n, width]`, where `n` is
    `learned_from` at least, in a time that grows with `n`. `codec` is the codec with such a state; its
    `shortlist` and its `prefix` are these.
    """

    learned_from: int
    schema: Schema
    fit: Callable[[Array], State]
    codec: Callable[[State], Codec]
    shortlist: Shortlist
    prefix: int | None = None


class Coding(Protocol):
    """A way to keep vectors."""

    def __call__(self, width: int) -> Codec | LearnedCodec:
        """The codec for vectors of that width; InvalidInput where a parameter does not go with it."""
        ...


codecs: Family[Coding] = Family(__name__, Coding, called="codec")

Oversampling = Annotated[float, Field(ge=1, le=1000)]
LearnedFrom = Annotated[int, Field(ge=256, le=100_000)]
"""The parameter that says how many vectors a collection has to have before its codec is learned from them."""


def plain(name: str, width: int, *, field: str) -> Codec:
    """The codec of that name with its defaults. InvalidInput, about a parameter, where it is learned."""
    made = codecs.configure(name)(width)
    if isinstance(made, LearnedCodec):
        raise InvalidInput(
            f"{name!r} learns from vectors, and can only be the codec of a collection itself",
            field=at("parameters", field),
        )
    return made


def with_defaults(choice: MethodChoice) -> MethodChoice:
    """The choice with the defaults of parameters that it leaves out; those that it has are not checked."""
    properties = codecs.schema(choice.name).get("properties", {})
    defaults = {name: schema["default"] for name, schema in properties.items()}
    return MethodChoice(choice.name, {**defaults, **choice.parameters})


def of_floats(dtype: np.dtype[Any], width: int, largest: float = np.inf) -> Codec:
    """Rows that are the vectors, as floats of a type; values beyond ±`largest` count as that."""

    def encode(vectors: Array) -> Array:
        return np.clip(vectors, -largest, largest).astype(dtype, copy=False)

    def decode(rows: Array) -> Array:
        return np.asarray(rows, np.float32)

    def similarities(query: Array, rows: Array) -> Array:
        return np.asarray(decode(rows) @ query)

    return Codec(dtype, width, encode, decode, similarities)
