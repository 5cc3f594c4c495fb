"""A result as bytes, for the disk.

    checksum   16 bytes   the first of SHA-256(key, all that follows)
    length      4 bytes   little-endian, of the header
    header                JSON, spaces after it until the arrays begin at a multiple of 16
    arrays                little-endian: those of ARRAYS that are there, then spans int64

The key is in the checksum, so that a result can never stand under another's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.encoding import Label
from tieback.encoder.computed import Computed

CHECKSUM_BYTES, LENGTH_BYTES, ALIGNMENT = 16, 4, 16
ARRAYS = {
    "dense": "<f4",
    "tokens": "<f4",
    "indices": "<i4",
    "weights": "<f4",
    "regions": "<f4",
    "boxes": "<f4",
}
"""Fields of a result with the types of their elements."""


class Damaged(Exception):  # noqa: N818 - it is named for what was found
    """What was read is not what was written."""


def pack(key: bytes, computed: Computed) -> bytes:
    """The bytes of a result."""
    arrays = {
        name: np.asarray(array, dtype)
        for name, dtype in ARRAYS.items()
        if (array := getattr(computed, name)) is not None
    }
    header = json.dumps(
        {
            "token_count": computed.token_count,
            "truncated_tokens": computed.truncated_tokens,
            "invariant": computed.invariant,
            "shapes": {name: array.shape for name, array in arrays.items()},
            "spans": len(computed.spans),
            "labels": [astuple(label) for label in computed.labels],
        },
        separators=(",", ":"),
    ).encode()
    header += b" " * (-(CHECKSUM_BYTES + LENGTH_BYTES + len(header)) % ALIGNMENT)
    rest = b"".join(
        [
            len(header).to_bytes(LENGTH_BYTES, "little"),
            header,
            *(array.tobytes() for array in arrays.values()),
            np.array(computed.spans, "<i8").tobytes(),
        ]
    )
    return _checksum(key, rest) + rest


def unpack(key: bytes, body: bytes) -> Computed:
    """The result, its arrays read-only and in the given bytes. Damaged where the checksum is wrong."""
    view = memoryview(body)
    if view[:CHECKSUM_BYTES] != _checksum(key, view[CHECKSUM_BYTES:]):
        raise Damaged("an entry's checksum is wrong")
    begin = CHECKSUM_BYTES + LENGTH_BYTES
    length = int.from_bytes(view[CHECKSUM_BYTES:begin], "little")
    header: dict[str, Any] = json.loads(bytes(view[begin : begin + length]))
    arrays = _Arrays(body, begin + length)
    shapes = header["shapes"]
    found = {name: arrays.take(dtype, shapes[name]) for name, dtype in ARRAYS.items() if name in shapes}
    spans = arrays.take("<i8", [header["spans"], 2])
    nothing = {"dense": None, "tokens": None}
    return Computed(
        **nothing | found,
        spans=tuple((begin, end) for begin, end in spans.tolist()),
        labels=tuple(Label(*label) for label in header["labels"]),
        token_count=header["token_count"],
        truncated_tokens=header["truncated_tokens"],
        invariant=header["invariant"],
    )


class _Arrays:
    """Reads arrays that lie behind each other."""

    def __init__(self, body: bytes, offset: int) -> None:
        self._body, self._offset = body, offset

    def take(self, dtype: str, shape: Sequence[int]) -> Array:
        array = np.frombuffer(self._body, dtype, int(np.prod(shape)), self._offset).reshape(shape)
        self._offset += array.nbytes
        return array


def _checksum(key: bytes, rest: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(key)
    digest.update(rest)
    return digest.digest()[:CHECKSUM_BYTES]
