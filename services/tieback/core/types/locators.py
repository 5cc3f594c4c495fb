"""Which part of a content a vector is of: bytes of a text, a rectangle in a picture, a time in a sound."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tieback.core.types.arrays import Array


class LocatorKind(enum.StrEnum):
    """What a locator's numbers mean.

    BYTE_SPAN: the first byte of a UTF-8 text, and the first after it. BOX: x, y, width and height in 0..1 of
    the picture's, from its upper left corner. TIME_RANGE: begin and end, in seconds of the sound.
    """

    BYTE_SPAN = "byte_span"
    BOX = "box"
    TIME_RANGE = "time_range"


_FORMS: dict[LocatorKind, tuple[int, type[np.generic]]] = {
    LocatorKind.BYTE_SPAN: (2, np.int64),
    LocatorKind.BOX: (4, np.float32),
    LocatorKind.TIME_RANGE: (2, np.float32),
}


@dataclass(frozen=True, slots=True)
class Locator:
    """A part of a content: the numbers of its kind."""

    kind: LocatorKind
    place: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Locators:
    """Parts of one content, all of one kind: `places` `[n, 2]` int64 or float32, for BOX `[n, 4]` float32."""

    kind: LocatorKind
    places: Array

    @classmethod
    def of(cls, kind: LocatorKind, places: Sequence[Sequence[float]] | Array) -> Locators:
        """The locators with these numbers, as an array of the kind's type."""
        columns, dtype = _FORMS[kind]
        return cls(kind, np.asarray(places, dtype).reshape(-1, columns))

    @classmethod
    def dtype(cls, kind: LocatorKind) -> np.dtype[Any]:
        """The type of the numbers of that kind."""
        return np.dtype(_FORMS[kind][1])

    def __len__(self) -> int:
        return len(self.places)

    def at(self, row: int) -> Locator:
        """The locator of one row."""
        return Locator(self.kind, tuple(self.places[row].tolist()))

    def take(self, rows: slice | Array | Sequence[int]) -> Locators:
        """The locators of these rows."""
        return Locators(self.kind, self.places[rows])

    @property
    def extended(self) -> Array:
        """Which rows `[n]` are of more than nothing: a token that is not in the text has an empty span."""
        if self.kind is LocatorKind.BOX:
            return np.ones(len(self.places), bool)
        return np.asarray(self.places[:, 0] < self.places[:, 1])
