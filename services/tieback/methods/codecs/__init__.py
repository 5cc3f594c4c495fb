"""Codecs: how a collection keeps its vectors in memory, as rows of numbers.

A method is called with the width of the vectors. What it returns says how they become rows, how a query is
compared with rows, and what the rows are for. Rows without a `shortlist` are compared as they are. The others
choose candidates, which are compared by their rows on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field

from tieback.core.family import Family
from tieback.core.types.arrays import Array
from tieback.core.types.method_choice import MethodChoice

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


class Coding(Protocol):
    """A way to keep vectors."""

    def __call__(self, width: int) -> Codec:
        """The codec for vectors of that width; InvalidInput where a parameter does not go with it."""
        ...


codecs: Family[Coding] = Family(__name__, Coding, called="codec")

Oversampling = Annotated[float, Field(ge=1, le=1000)]


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
