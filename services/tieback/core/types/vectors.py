"""Vectors of every kind, and the space that each is in."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from tieback.core.types.arrays import Array
from tieback.core.types.locators import Locators


class DType(enum.StrEnum):
    """The element type of a vector as it travels. INT8 comes with a scale; BINARY packs signs into bytes."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    BINARY = "binary"


class VectorKind(enum.StrEnum):
    """What an encoding can hold."""

    DENSE = "dense"
    MULTI_VECTOR = "multi_vector"
    LABELS = "labels"
    SPARSE = "sparse"


WITH = "+"
"""Stands between the name of a merged model and that of the expert whose adapter made a vector."""


@dataclass(frozen=True, slots=True)
class SpaceRef:
    """Names a space exactly: vectors compare only where all three agree."""

    name: str
    revision: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}"


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector with its space.

    `values` is `[width]` in float32, float16 or int8, or `[width / 8]` uint8 for BINARY.
    """

    space: SpaceRef
    values: Array
    dtype: DType = DType.FLOAT32
    normalized: bool = True
    scale: float = 0.0

    @property
    def width(self) -> int:
        """Dimensions, whatever the packing."""
        return int(self.values.shape[0]) * (8 if self.dtype is DType.BINARY else 1)


@dataclass(frozen=True, slots=True)
class MultiVector:
    """Several vectors of one content, `values` `[rows, width]`, each of the part that its locator names.

    The rows are of a text's tokens, a picture's regions or a sound's windows. They have length 1 where a
    model made them; the length of a vector of the joint space shows how many blocks it has.
    """

    space: SpaceRef
    values: Array
    locators: Locators

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: slice | Array | Sequence[int]) -> MultiVector:
        """These rows alone."""
        return MultiVector(self.space, self.values[rows], self.locators.take(rows))


@dataclass(frozen=True, slots=True)
class SparseVector:
    """What an input is about, in the terms of a vocabulary: a weight above 0 each, all others are 0.

    `indices` `[n]` int32, ascending, are the terms' numbers, and `weights` `[n]` float32. `terms` are their
    names, where they were asked for.
    """

    space: SpaceRef
    indices: Array
    weights: Array
    terms: Sequence[str] = ()
