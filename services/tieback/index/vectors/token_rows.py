"""The vectors of the tokens of texts: pooled and coded to be stored, and read from the disk on demand.

A section's rows are stored in the table, and are in a file beside it (`index/vectors/coded.py`) that is made
again at start, at neighbouring places. They are never in memory, but for what the system caches; a section
costs 12 bytes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector

from tieback.core.errors import InvalidInput
from tieback.core.room import grown
from tieback.index.vectors.coded import RowFile
from tieback.methods.codecs import Codec, LearnedCodec, codecs
from tieback.methods.token_pooling import means_of, merged_spans, token_poolings

_SPAN = np.dtype("<u4")
_SPAN_BYTES = 2 * _SPAN.itemsize
_BYTE = np.dtype(np.uint8)


class TokenCoding:
    """How the rows of a text become those that are stored: pooled, coded, each with its bytes of the text.

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


class TokenRows:
    """Stored rows by the positions of their sections. What it does not say is as of `RegionVectors`.

    The places of a section that is gone are used again by one with as many rows.
    """

    def __init__(self, coding: TokenCoding, folder: Path) -> None:
        """Without any; the file is on the disk of `folder`."""
        self.coding = coding
        self.count = 0
        """Rows of living sections."""
        self._file = RowFile(folder, _BYTE, coding.row_bytes)
        self._begins = np.zeros(0, np.int64)  # by position
        self._counts = np.zeros(0, np.int32)  # by position; 0 where it has no rows
        self._free: dict[int, list[int]] = {}  # by number of rows: where so many may begin
        self._used = 0

    @property
    def bytes(self) -> int:
        """Bytes of the rows of living sections, on the disk."""
        return self.count * self.coding.row_bytes

    def reserve(self, rows: int) -> None:
        """Makes room for so many more. StorageFull where the disk is full."""
        self._file.reserve(self._used + rows)

    def put(self, position: int, rows: Array) -> None:
        """Gives a section without rows some, for which there is room."""
        begin = self._begin(len(rows))
        self._begins = grown(self._begins, position + 1, 0)
        self._counts = grown(self._counts, position + 1, 0)
        self._begins[position], self._counts[position] = begin, len(rows)
        self._file.put(np.arange(begin, begin + len(rows)), rows)
        self.count += len(rows)

    def remove(self, position: int) -> None:
        """Forgets a section's rows, where it has some."""
        count = self._count(position)
        if count:
            self._counts[position] = 0
            self._free.setdefault(count, []).append(int(self._begins[position]))
            self.count -= count

    def take(self, positions: Sequence[int], most: int) -> list[MultiVector | None]:
        """The vectors of sections; None where a section has none.

        At most so many rows in all: later sections go without.
        """
        counts = [self._count(position) for position in positions]
        taken = [
            count if total <= most else 0 for count, total in zip(counts, np.cumsum(counts), strict=True)
        ]
        places = [
            np.arange(self._begins[position], self._begins[position] + count)
            for position, count in zip(positions, taken, strict=True)
            if count
        ]
        if not places:
            return [None] * len(taken)
        values, spans = self.coding.decode(self._file.take(np.concatenate(places)))
        ends = np.cumsum(taken)
        space = self.coding.kept.space
        return [
            MultiVector(
                values[end - count : end],
                space,
                Locators(LocatorKind.BYTE_SPAN, spans[end - count : end]),
            )
            if count
            else None
            for count, end in zip(taken, ends.tolist(), strict=True)
        ]

    def _count(self, position: int) -> int:
        return int(self._counts[position]) if position < len(self._counts) else 0

    def _begin(self, count: int) -> int:
        """Where so many places are free."""
        if free := self._free.get(count):
            return free.pop()
        begin, self._used = self._used, self._used + count
        return begin
