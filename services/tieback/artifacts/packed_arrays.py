"""How arrays are stored: equal arrays once, and in half precision if that keeps their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

LARGE = 1 << 16
"""An array of so many entries is worth rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """What is written, by name. `same` has, for an array that is not written, the other one that it equals.

    Those of `halved` are of float32, and written in float16 without loss.
    """

    arrays: Mapping[str, Array]
    same: Mapping[str, str] = field(default_factory=dict)
    halved: tuple[str, ...] = ()

    def header(self) -> dict[str, Any]:
        """What has to be known beside the arrays to have them again; nothing that is empty."""
        said = {"same": dict(self.same), "halved": list(self.halved)}
        return {name: value for name, value in said.items() if value}

    def unpacked(self) -> dict[str, Array]:
        """The arrays as they were. KeyError where one is named that is not there."""
        arrays = dict(self.arrays)
        for name in self.halved:
            arrays[name] = arrays[name].astype(np.float32)
        return arrays | {name: arrays[first] for name, first in self.same.items()}


def pack(arrays: Mapping[str, Array]) -> Packed:
    """Of arrays that are equal, the first by name is written: the file does not depend on their order."""
    written: dict[str, Array] = {}
    same: dict[str, str] = {}
    halved: list[str] = []
    known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        first = known.setdefault(
            (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest()), name
        )
        if first != name:
            same[name] = first
        elif (half := _half(array)) is not None:
            written[name] = half
            halved.append(name)
        else:
            written[name] = array
    return Packed(written, same, tuple(halved))


def _half(array: Array) -> Array | None:
    if array.dtype != np.float32:
        return None
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), array) else None


def rounded(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The large ones of float32 to the nearest numbers that half precision holds: the file is half as large.

    One with a number that is too large for it stays as it is, and so do small arrays, which cost nothing.
    """
    return {name: _rounded(array) if array.size >= LARGE else array for name, array in arrays.items()}


def _rounded(array: Array) -> Array:
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        near = array.astype(np.float16).astype(np.float32)
    return near if np.isfinite(near).all() else array
