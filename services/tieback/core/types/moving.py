"""A collection between two spaces: it is being moved from one encoder to another, and read in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.arrays import Array
from tieback_contract.collections import Moving
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.shapes import ABSENT, wire
from tieback_contract.vectors import SpaceRef, Vector

from tieback.core.errors import TiebackError

WITH_HALVES = 3
"""Contents of a text without a label: its halves and itself. One too short to be cut is there three times."""


@dataclass(frozen=True, slots=True)
class SpacePair:
    """The space of a collection's vectors and the one that is to take its place, with their widths.

    `sections` is how many the collection has. `earlier` are spaces before the old one, the first one first.
    Where the new space `is_compatible`, its leading dimensions are in all of these, as its encoder was
    trained. Of `items` items, the vectors of `staying_items` are the same in both, with `staying_sections`.
    """

    old: SpaceRef
    old_width: int
    new: SpaceRef
    new_width: int
    sections: int
    is_compatible: bool = False
    earlier: tuple[SpaceRef, ...] = ()
    items: int = 0
    staying_items: int = 0
    staying_sections: int = 0

    @property
    def series(self) -> tuple[SpaceRef, ...]:
        """All of them, the oldest first."""
        return (*self.earlier, self.old, self.new)

    @property
    def counts(self) -> dict[str, int]:
        """Sections and items of the collection, and those of them whose vectors stay."""
        names = ("sections", "items", "staying_items", "staying_sections")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """Contents of a collection in both spaces: unit rows `old` `[n, old width]` and `new` `[n, new width]`.

    `items` `[n]` is which of the items that were asked for a row is of. Without labels, rows come in threes:
    the first half of a text as a query, the second half as a document, the whole text as a document. `labels`
    are the items' own, one a row, where they were asked for. `left_out` counts the sections that are not
    here. `seconds` is what the new encoder took for whole contents. `earlier` are the same contents in the
    spaces before the old one, the first one first. `words` `[texts, n]` are the different words of each whole
    text as numbers above 0, then zeros, and `cut` `[texts]` (bool) says which ones are in halves: of others
    the whole text stands in place of each half, as a query and as a document. Both are None with labels.
    `short` counts those that were left out since they are too short to be cut.
    """

    old: Array
    new: Array
    items: Array
    labels: Sequence[str] = ()
    left_out: int = 0
    seconds: float = 0.0
    earlier: tuple[Array, ...] = ()
    words: Array | None = None
    cut: Array | None = None
    short: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Queries in both spaces: unit rows `old` `[n, old width]` and `new` `[n, new width]`.

    `earlier` are the same in the spaces before the old one.
    """

    old: Array
    new: Array
    earlier: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True)
class StartedMove(Moving):
    """An upgrade of a collection with the `request` that it was started with."""

    request: Mapping[str, Any] | None = field(default=None, metadata=wire(ABSENT))


@dataclass(frozen=True, slots=True)
class MoveProgress:
    """How far a collection is moved: of `total` sections `done` have new vectors.

    The last has `ended`: all have them, but for those of the items in `failures`, which cannot be encoded; or
    it was `paused`; or it `is_over`, since the move was finished or rolled back meanwhile. At the end,
    `staying` are the sections whose vectors are the same in both spaces: they were copied, and not encoded.
    """

    old: SpaceRef
    new: SpaceRef
    done: int
    total: int
    failures: Mapping[str, TiebackError] = field(default_factory=dict)
    failure_count: int = 0
    paused: bool = False
    is_over: bool = False
    ended: bool = False
    staying: int = 0


@dataclass(frozen=True, slots=True)
class SecondVector:
    """A query's vector in the space that a collection is moved to, and which dimensions do not count."""

    vector: Vector
    ignored: Sequence[IgnoredDimensions] = ()
