"""The part of a content that a vector is of: bytes of a text, a rectangle in a picture, a time in a sound."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tieback_contract.arrays import Array


class LocatorKind(enum.StrEnum):
    """Meaning of the numbers of a locator."""

    BYTE_SPAN = "byte_span"
    """The first byte of a text's UTF-8, and the first after it."""
    BOX = "box"
    """x, y, width and height in 0..1 of a picture's, from its upper left corner."""
    TIME_RANGE = "time_range"
    """Begin and end in seconds from a sound's beginning."""


_FORMS: dict[LocatorKind, tuple[int, type[np.generic]]] = {
    LocatorKind.BYTE_SPAN: (2, np.int64),
    LocatorKind.BOX: (4, np.float32),
    LocatorKind.TIME_RANGE: (2, np.float32),
}


@dataclass(frozen=True, slots=True)
class Locator:
    """A part of a content."""

    kind: LocatorKind
    """Meaning of the numbers."""
    place: tuple[float, ...]
    """The numbers; those of a BYTE_SPAN are whole, so that ``text.encode()[slice(*place)]`` is the part."""


@dataclass(frozen=True, slots=True, eq=False)
class Locators:
    """Parts of a content that the rows of a multi-vector are of."""

    kind: LocatorKind
    """Meaning of the numbers of a row."""
    places: Array
    """The numbers: `[rows, 2]` int64 for BYTE_SPAN, `[rows, 4]` float32 for BOX, `[rows, 2]` float32 for
    TIME_RANGE."""

    @classmethod
    def of(cls, kind: LocatorKind, places: Sequence[Sequence[float]] | Array) -> Locators:
        """The locators with these numbers, as an array of the kind's type."""
        columns, dtype = _FORMS[kind]
        return cls(kind, np.asarray(places, dtype).reshape(-1, columns))

    @classmethod
    def byte_spans(cls, places: Sequence[tuple[int, int]] | Array) -> Locators:
        """Bytes of a text."""
        return cls.of(LocatorKind.BYTE_SPAN, places)

    @classmethod
    def boxes(cls, places: Sequence[tuple[float, float, float, float]] | Array) -> Locators:
        """Regions of a picture."""
        return cls.of(LocatorKind.BOX, places)

    @classmethod
    def time_ranges(cls, places: Sequence[tuple[float, float]] | Array) -> Locators:
        """Windows of a sound."""
        return cls.of(LocatorKind.TIME_RANGE, places)

    @classmethod
    def columns(cls, kind: LocatorKind) -> int:
        """The count of numbers of a locator of that kind."""
        return _FORMS[kind][0]

    @classmethod
    def dtype(cls, kind: LocatorKind) -> np.dtype[Any]:
        """The type of the numbers of that kind."""
        return np.dtype(_FORMS[kind][1])

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: int) -> Locator:
        """The locator of one row."""
        return Locator(self.kind, tuple(self.places[row].tolist()))

    def take(self, rows: slice | Array | Sequence[int]) -> Locators:
        """The locators of these rows."""
        return Locators(self.kind, self.places[rows])

    @property
    def extended(self) -> Array:
        """A mask `[n]` of the rows that are of more than nothing: a token outside of the text has an empty
        span.
        """
        if self.kind is LocatorKind.BOX:
            return np.ones(len(self.places), bool)
        return np.asarray(self.places[:, 0] < self.places[:, 1])
