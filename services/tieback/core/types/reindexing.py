"""A collection that is encoded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.vectors import SpaceRef

from tieback.core.errors import TiebackError
from tieback.core.types.collection import IndexedSection, ReindexedPiece
from tieback.core.types.content import Item


@dataclass(frozen=True, slots=True)
class PendingItem:
    """An item of a collection that is to be encoded again, as it was in a version.

    Its sections have their contents again; one whose original is not there has None.
    """

    version: int
    item: Item


@dataclass(frozen=True, slots=True)
class ReindexedItem:
    """New vectors for the sections of an item as it was in a version.

    Where texts were split, `pieces` has what each is of; empty where each is a section.
    """

    id: str
    version: int
    sections: Sequence[IndexedSection]
    pieces: Sequence[ReindexedPiece] = ()


@dataclass(frozen=True, slots=True)
class ReindexState:
    """How far the reindexing of a collection is: items that have vectors of `space`, of `total`.

    Of sections of these, it has how many were split, and how many more there are for that.
    """

    space: SpaceRef
    total: int
    done: int
    split_sections: int = 0
    added_sections: int = 0


@dataclass(frozen=True, slots=True)
class ReindexProgress:
    """What a reindex has done so far.

    The one that is `finishing` is what it ends with if nothing changes before the new vectors take their
    place. The last has `ended`: `finished` or not, and with the items that could not be encoded, of which
    `failures` may leave some out.
    """

    space: SpaceRef
    total: int
    done: int
    failures: Mapping[str, TiebackError] = field(default_factory=dict)
    failure_count: int = 0
    finished: bool = False
    needed: bool = True
    """Whether there was anything to do."""
    split_sections: int = 0
    added_sections: int = 0
    finishing: bool = False
    ended: bool = False
