"""What the index keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from tieback_contract.arrays import Span
from tieback_contract.collections import Source
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import NO_OPTIONS, QueryOptions
from tieback_contract.reports import Timing
from tieback_contract.shapes import wire
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector, SpaceRef, Vector

from tieback.core.errors import TiebackError
from tieback.core.types.content import Item
from tieback.core.types.fusion import Routing
from tieback.core.types.moving import StartedMove

DEFAULT_CODEC = MethodChoice("float32")
"""Of a collection that is made without one."""


class SnapshotPart(NamedTuple):
    """Some bytes of a snapshot as one file, and how many the file has in `total`."""

    data: bytes
    total: int


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A set of items whose vectors share one space. `created` is in UTC.

    `routing` is for queries without one of their own. `vector_count` counts the sections' and their regions'.
    `sources` are by name, and left out of listings.
    `damage` says what is wrong with its files and what to do, `stale` why its vectors are of no use to the
    pipeline and what to do; both are empty where all is well. `codec` is how its vectors are kept in memory,
    where they and those of regions take `resident_bytes`. A codec that is learned was learned from
    `codec_trained_on` of them; until that is more than 0, vectors are kept and compared as they are.
    `token_vectors` is how those of the tokens of texts are kept on the disk, and what they take there;
    None where they are not. `plan` is how queries are answered that do not say. `moving` is where it is being
    moved; None where it is in one space.
    """

    name: str
    space: SpaceRef
    width: int
    item_count: int
    section_count: int
    created: datetime = field(metadata=wire("create_time"))
    routing: Routing = field(default_factory=Routing)
    vector_count: int = 0
    sources: Sequence[Source] = ()
    damage: str = ""
    stale: str = ""
    codec: MethodChoice = DEFAULT_CODEC
    resident_bytes: int = 0
    codec_trained_on: int = 0
    token_vectors: TokenVectors | None = None
    plan: QueryOptions = NO_OPTIONS
    moving: StartedMove | None = None


@dataclass(frozen=True, slots=True)
class IndexedSection:
    """A section as it is searched: its vector, its words, its modality.

    A picture may have `regions` with a vector each, beside the whole's. A text may have `tokens` with a
    vector each.
    """

    vector: Vector
    text: str
    modality: Modality
    regions: MultiVector | None = None
    tokens: MultiVector | None = None


@dataclass(frozen=True, slots=True)
class ReindexedPiece:
    """A section of an item, by its place, or of its text the bytes `span`; `id` is what it is called."""

    section: int
    id: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class FollowingVectors:
    """An item's vectors in the space that its collection is moved to; `pieces` as of `ReindexedItem`."""

    sections: Sequence[IndexedSection]
    pieces: Sequence[ReindexedPiece] = ()


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """An item with one `IndexedSection` per section.

    `following` has its vectors in the space that the collection is being moved to, where they are made.
    """

    item: Item
    sections: Sequence[IndexedSection]
    following: FollowingVectors | None = None


@dataclass(frozen=True, slots=True)
class UpsertReply:
    """None for an item that is durable, an error for one that was refused.

    `versions` are those of the items that were written, by their ids, where the index is in this process.
    """

    results: Sequence[TiebackError | None]
    timing: Timing
    versions: Mapping[str, int] = field(default_factory=dict)
