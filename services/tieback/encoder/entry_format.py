"""A result as bytes, for the disk.

    checksum   16 bytes   the first of SHA-256(key, all that follows)
    length      4 bytes   little-endian, of the header
    header                JSON, spaces after it until the arrays begin at a multiple of 16
    arrays                little-endian: those of ARRAYS that are there, then the numbers of the locators

The key is in the checksum, so that a result can never stand under another's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.locators import LocatorKind, Locators

from tieback.encoder.computed import Computed

CHECKSUM_BYTES, LENGTH_BYTES, ALIGNMENT = 16, 4, 16
ARRAYS = {
    "dense": "<f4",
    "rows": "<f4",
    "indices": "<i4",
    "weights": "<f4",
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
    locators = computed.locators
    header = json.dumps(
        {
            "token_count": computed.token_count,
            "truncated_tokens": computed.truncated_tokens,
            "invariant": computed.invariant,
            "shapes": {name: array.shape for name, array in arrays.items()},
            "locators": None if locators is None else [locators.kind, locators.places.shape],
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
            b"" if locators is None else locators.places.astype(_little(locators.kind)).tobytes(),
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
    locators = None
    if header["locators"] is not None:
        kind, shape = LocatorKind(header["locators"][0]), header["locators"][1]
        locators = Locators(kind, arrays.take(_little(kind), shape))
    nothing = {"dense": None, "rows": None}
    return Computed(
        **nothing | found,
        locators=locators,
        labels=tuple(Label(*label) for label in header["labels"]),
        token_count=header["token_count"],
        truncated_tokens=header["truncated_tokens"],
        invariant=header["invariant"],
    )


class _Arrays:
    """Reads arrays that lie behind each other."""

    def __init__(self, body: bytes, offset: int) -> None:
        self._body, self._offset = body, offset

    def take(self, dtype: DTypeLike, shape: Sequence[int]) -> Array:
        array = np.frombuffer(self._body, dtype, int(np.prod(shape)), self._offset).reshape(shape)
        self._offset += array.nbytes
        return array


def _little(kind: LocatorKind) -> np.dtype[Any]:
    return Locators.dtype(kind).newbyteorder("<")


def _checksum(key: bytes, rest: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(key)
    digest.update(rest)
    return digest.digest()[:CHECKSUM_BYTES]
