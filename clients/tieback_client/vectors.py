"""Vectors with their space, as NumPy arrays."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class DType(enum.StrEnum):
    """The element type of a vector as it travels."""

    FLOAT32 = "float32"
    """IEEE 754 binary32."""
    FLOAT16 = "float16"
    """IEEE 754 binary16."""
    INT8 = "int8"
    """Signed 8-bit integers; the value is scale times the integer."""
    BINARY = "binary"
    """The signs, packed eight to a byte, most significant bit first."""


@dataclass(frozen=True, slots=True)
class SpaceRef:
    """Names a space exactly: vectors compare only where all three agree, or a bound path joins the spaces."""

    name: str
    """The space's name in the catalog."""
    revision: str = ""
    """Which weights: a short hash."""
    fingerprint: str = ""
    """Which preprocessing and pooling: a short hash."""

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """A vector with its space."""

    values: Array
    """As it travels: `[width]` float32, float16 or int8; `[width / 8]` uint8 where `dtype` is BINARY."""
    space: SpaceRef
    """The space it lives in."""
    dtype: DType = DType.FLOAT32
    """The element type."""
    scale: float = 0.0
    """The quantisation step of INT8 values."""
    normalized: bool = True
    """Whether its Euclidean norm is 1 (before quantisation)."""

    @property
    def width(self) -> int:
        """Dimensions, whatever the packing."""
        return int(self.values.shape[0]) * (8 if self.dtype is DType.BINARY else 1)

    def decoded(self) -> Array:
        """The numbers it stands for, `[width]`: see `decode`."""
        return decode(self.values, self.dtype, self.scale)


class LocatorKind(enum.StrEnum):
    """What the numbers of a locator mean."""

    BYTE_SPAN = "byte_span"
    """The first byte of a text's UTF-8, and the first after it."""
    BOX = "box"
    """x, y, width and height in 0..1 of a picture's, from its upper left corner."""
    TIME_RANGE = "time_range"
    """Begin and end in seconds from a sound's beginning."""


@dataclass(frozen=True, slots=True)
class Locator:
    """A part of a content."""

    kind: LocatorKind
    """What the numbers mean."""
    place: tuple[float, ...]
    """The numbers; those of a BYTE_SPAN are whole, so that ``text.encode()[slice(*place)]`` is the part."""


@dataclass(frozen=True, slots=True, eq=False)
class Locators:
    """What part of a content each row of a multi-vector is of."""

    kind: LocatorKind
    """What the numbers of a row mean."""
    places: Array
    """The numbers: `[rows, 2]` int64 for BYTE_SPAN, `[rows, 4]` for BOX, `[rows, 2]` for TIME_RANGE."""

    @classmethod
    def byte_spans(cls, places: Sequence[tuple[int, int]] | Array) -> Locators:
        """Bytes of a text."""
        return cls(LocatorKind.BYTE_SPAN, np.asarray(places, np.int64).reshape(-1, 2))

    @classmethod
    def boxes(cls, places: Sequence[tuple[float, float, float, float]] | Array) -> Locators:
        """Regions of a picture."""
        return cls(LocatorKind.BOX, np.asarray(places, np.float32).reshape(-1, 4))

    @classmethod
    def time_ranges(cls, places: Sequence[tuple[float, float]] | Array) -> Locators:
        """Windows of a sound."""
        return cls(LocatorKind.TIME_RANGE, np.asarray(places, np.float32).reshape(-1, 2))

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: int) -> Locator:
        """The locator of one row."""
        return Locator(self.kind, tuple(self.places[row].tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class MultiVector:
    """Several vectors of one content: of a text's tokens, a picture's regions or a sound's windows."""

    values: Array
    """`[rows, width]`, float32 or float16, of length 1 where a model made them."""
    space: SpaceRef
    """The space they live in."""
    locators: Locators
    """What part of the content each row is of."""

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """What an input is about, in the terms of a vocabulary: most weigh nothing and are left out."""

    indices: Array
    """The terms' numbers, `[n]` int32, ascending."""
    weights: Array
    """Their weights, `[n]` float32, all above 0."""
    space: SpaceRef
    """The space it lives in; its width is the size of the vocabulary."""
    terms: Sequence[str] = ()
    """Their names, where ``terms=True`` asked for them."""

    def __matmul__(self, other: SparseVector) -> float:
        """The dot product, by which sparse vectors of one space compare."""
        if self.space != other.space:
            raise ValueError(f"a vector of {self.space} does not compare with one of {other.space}")
        _, ours, theirs = np.intersect1d(self.indices, other.indices, assume_unique=True, return_indices=True)
        return float(self.weights[ours] @ other.weights[theirs])


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in a picture, in 0..1 of the picture's width and height."""

    x: float
    """Its left edge, from the picture's left."""
    y: float
    """Its upper edge, from the picture's top."""
    width: float
    """How wide it is."""
    height: float
    """How high it is."""


def decode(values: Array, dtype: DType, scale: float | Array = 0.0) -> Array:
    """The numbers that quantised values stand for, along the last axis.

    FLOAT32 and FLOAT16 come back as they are, without a copy; INT8 as float32, multiplied by `scale`; BINARY
    as float32 of -1 and 1, eight times as many.
    """
    if dtype is DType.INT8:
        return values.astype(np.float32) * np.asarray(scale, dtype=np.float32)
    if dtype is DType.BINARY:
        return np.unpackbits(values, axis=-1).astype(np.float32) * 2 - 1
    return values
