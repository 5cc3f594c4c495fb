"""Reading the weights of CTranslate2's `model.bin`: a list of named arrays, and nothing that is executed.

The format (OpenNMT, CTranslate2, `python/ctranslate2/specs/model_spec.py`), little-endian throughout:

    uint32 version · string specification · uint32 revision
    uint32 count, then for each variable:
        string name · uint8 rank · uint32 sizes[rank] · uint8 type · uint32 bytes · the array
    uint32 count, then for each alias: string alias · string name

where a string is uint16 length, UTF-8, and a closing NUL that the length counts. Whatever a number promises
is held against the file before it is believed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError

VERSION = 6
MOST_BYTES = 2 << 30
MOST_VARIABLES = 10_000
MOST_AXES = 4
TYPES: Mapping[int, np.dtype[Any]] = {
    0: np.dtype("<f4"),
    1: np.dtype("i1"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
    4: np.dtype("<f2"),
}


@dataclass(frozen=True, slots=True)
class CTranslate2File:
    """The specification that the variables are of, for instance "WhisperSpec", and the variables by name."""

    specification: str
    variables: dict[str, Array]

    @classmethod
    def read(cls, path: Path) -> CTranslate2File:
        """All variables, with aliases. StartupError names the place of a fault in the file."""
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise StartupError(f"{path.name} has {size} bytes, and {MOST_BYTES} at most are read")
        reader = _Reader(path.read_bytes(), path.name)
        version = reader.number("I")
        if version != VERSION:
            raise reader.fault(f"is of version {version} and {VERSION} is read: convert the model again")
        specification = reader.string()
        reader.number("I")  # the specification's revision: what it holds is checked by name and shape
        variables: dict[str, Array] = {}
        for _ in range(reader.count()):
            name = reader.string()
            if name in variables:
                raise reader.fault(f"holds {name!r} twice")
            variables[name] = reader.array(name)
        for _ in range(reader.count()):
            alias, name = reader.string(), reader.string()
            if name not in variables or alias in variables:
                raise reader.fault(f"calls {name!r} {alias!r}, and has no such variable or has both")
            variables[alias] = variables[name]
        reader.end()
        return cls(specification, variables)


class _Reader:
    """A place in the bytes that never leaves them."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name, self._place = data, name, 0

    def fault(self, what: str) -> StartupError:
        return StartupError(f"{self._name} {what}; it is no whole CTranslate2 model of this format")

    def number(self, code: str) -> int:
        layout = struct.Struct(f"<{code}")
        return int(layout.unpack(self._take(layout.size))[0])

    def count(self) -> int:
        count = self.number("I")
        if count > MOST_VARIABLES:
            raise self.fault(f"says that it holds {count} variables, and {MOST_VARIABLES} at most are read")
        return count

    def string(self) -> str:
        text = self._take(self.number("H"))
        if not text.endswith(b"\0") or b"\0" in text[:-1]:
            raise self.fault(f"has a name without its end at byte {self._place}")
        try:
            return text[:-1].decode()
        except UnicodeDecodeError:
            raise self.fault(f"has a name that is no UTF-8 at byte {self._place}") from None

    def array(self, name: str) -> Array:
        axes = self.number("B")
        if axes > MOST_AXES:
            raise self.fault(f"gives {name!r} {axes} axes, and {MOST_AXES} at most are read")
        shape = tuple(self.number("I") for _ in range(axes))
        code, size = self.number("B"), self.number("I")
        if code not in TYPES:
            raise self.fault(f"has {name!r} in the type {code}, which is not read")
        if size != math.prod(shape) * TYPES[code].itemsize:
            raise self.fault(f"gives {name!r} {size} bytes, which is not what {list(shape)} takes")
        return np.frombuffer(self._take(size), TYPES[code]).reshape(shape)

    def end(self) -> None:
        if self._place != len(self._data):
            raise self.fault(f"goes on for {len(self._data) - self._place} bytes after its end")

    def _take(self, size: int) -> bytes:
        begin, self._place = self._place, self._place + size
        if self._place > len(self._data):
            raise self.fault(f"ends at byte {len(self._data)}, within what begins at {begin}")
        return self._data[begin : self._place]
