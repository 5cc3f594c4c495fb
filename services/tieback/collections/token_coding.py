"""The rows of the tokens of a text as they are stored: pooled, coded, each with its bytes of the text."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector

from tieback.core.errors import InvalidInput
from tieback.methods.codecs import Codec, LearnedCodec, codecs
from tieback.methods.token_pooling import means_of, merged_spans, token_poolings

_SPAN = np.dtype("<u4")
_SPAN_BYTES = 2 * _SPAN.itemsize


class TokenCoding:
    """Way from the rows of a text to those that are stored: pooled, coded, each with its bytes of the text.

    A stored row is the codec's, and then the first byte and that after the last, two uint32, little-endian.
    InvalidInput or NotFound where there are no such methods, or the codec is not for the width.
    """

    def __init__(self, kept: TokenVectors) -> None:
        self.kept = kept
        path = at("token_vectors")
        pooling = kept.pooling
        self._pool = token_poolings.configure(pooling.name, pooling.parameters, field=path["pooling"])
        self._codec = _codec(kept)
        self.row_bytes = self._codec.row_bytes + _SPAN_BYTES

    def encode(self, tokens: MultiVector) -> Array:
        """Stored rows, uint8 `[rows, row_bytes]`, of the vectors of a text's tokens, at least one."""
        return self.coded(self.pooled(tokens))

    def pooled(self, tokens: MultiVector) -> MultiVector:
        """The vectors in float32, all of length 1, that are left of those of tokens, with their bytes."""
        rows = np.asarray(tokens.values, np.float32)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        groups = self._pool(rows)
        means = means_of(rows, groups)
        spans = merged_spans(rows, groups, means, np.asarray(tokens.locators.places))
        return MultiVector(means, tokens.space, Locators(LocatorKind.BYTE_SPAN, spans))

    def coded(self, pooled: MultiVector) -> Array:
        """The stored rows of vectors that are pooled already."""
        coded = np.ascontiguousarray(self._codec.encode(pooled.values)).view(np.uint8)
        placed = np.ascontiguousarray(pooled.locators.places, _SPAN).view(np.uint8)
        return np.concatenate((coded.reshape(len(pooled), -1), placed.reshape(len(pooled), -1)), axis=1)

    def decode(self, stored: Array) -> tuple[Array, Array]:
        """The vectors, float32 `[rows, width]`, and their byte spans `[rows, 2]`, of stored rows."""
        width = self._codec.row_bytes
        rows = np.ascontiguousarray(stored[:, :width]).view(self._codec.dtype)
        spans = np.ascontiguousarray(stored[:, width:]).view(_SPAN)
        return self._codec.decode(rows), spans.astype(np.int64)


def _codec(kept: TokenVectors) -> Codec:
    """The codec of the rows. InvalidInput where it is not for the width, or is learned."""
    field = at("token_vectors", "codec")
    make = codecs.configure(kept.codec.name, kept.codec.parameters, field=field)
    try:
        made = make(kept.width)
    except InvalidInput as error:
        raise error.within(field) from None
    if isinstance(made, LearnedCodec):
        raise InvalidInput(
            f"{kept.codec.name!r} learns from vectors, and can only be the codec of a collection itself",
            field=field["name"],
        )
    return made
