"""Vectors of every kind, and the space that each is in."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tieback_contract.arrays import Array
from tieback_contract.locators import Locators


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


class VectorKind(enum.StrEnum):
    """Kinds of vectors that an encoding can hold."""

    DENSE = "dense"
    """One pooled vector."""
    MULTI_VECTOR = "multi_vector"
    """Several vectors: one per token of a text, region of a picture or window of a sound."""
    LABELS = "labels"
    """The classes that the model recognises, most probable first."""
    SPARSE = "sparse"
    """A weight for each of the vocabulary's terms that the input is about."""


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


@dataclass(frozen=True, slots=True, eq=False)
class MultiVector:
    """Several vectors of one content: of a text's tokens, a picture's regions or a sound's windows."""

    values: Array
    """`[rows, width]`, float32 or float16. A row has length 1 where a model made it; the length of a vector
    of the joint space shows how many blocks it has."""
    space: SpaceRef
    """The space they live in."""
    locators: Locators
    """What part of the content each row is of."""

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: slice | Array | Sequence[int]) -> MultiVector:
        """These rows alone."""
        return MultiVector(self.values[rows], self.space, self.locators.take(rows))


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
