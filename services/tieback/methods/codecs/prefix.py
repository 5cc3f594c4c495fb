"""The first dimensions of each vector, scaled to length 1, as rows of another codec: adaptive retrieval with
Matryoshka representations (Kusupati et al., 2022, arXiv:2205.13147).

It is for spaces whose encoder was trained so that prefixes of its vectors work; its card says which. A query
is compared by the same dimensions.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.methods.codecs import Codec, Oversampling, Shortlist, codecs, plain

_SMALLEST = 1e-30


@codecs.method
def prefix(
    width: int,
    *,
    dimensions: Annotated[int, Field(ge=1)] = 128,
    rows: str = "int8",
    oversampling: Oversampling = 8.0,
    rescoring: str = "float32",
) -> Codec:
    """The rows are those of the codec `rows`, with its defaults, for vectors of that many dimensions."""
    parameters = at("parameters")
    if dimensions >= width:
        raise InvalidInput(
            f"a prefix of {dimensions} dimensions is none of vectors that have {width}; take fewer",
            field=parameters["dimensions"],
        )
    inner = plain(rows, dimensions, field="rows")
    if inner.prefix is not None:
        raise InvalidInput("the rows of a prefix cannot be prefixes again", field=parameters["rows"])

    def encode(vectors: Array) -> Array:
        cut = vectors[:, :dimensions]
        lengths = np.linalg.norm(cut, axis=1, keepdims=True)
        return inner.encode(np.asarray(cut / np.maximum(lengths, _SMALLEST), np.float32))

    def decode(rows: Array) -> Array:
        vectors = np.zeros((len(rows), width), np.float32)
        vectors[:, :dimensions] = inner.decode(rows)
        return vectors

    def similarities(query: Array, rows: Array) -> Array:
        return inner.similarities(query[:dimensions], rows)

    return Codec(
        inner.dtype,
        inner.columns,
        encode,
        decode,
        similarities,
        Shortlist(oversampling, rescoring),
        only_orders=True,
        prefix=dimensions,
    )
