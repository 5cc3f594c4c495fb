"""Collections: the folders that their items come from, snapshots, and upgrades to other spaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tieback_contract.shapes import wire
from tieback_contract.vectors import SpaceRef


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that items of a collection come from: those whose metadata names it as `INDEXED_FROM`."""

    name: str
    """Its name, unique in the collection; the ids of its items begin with it and "/"."""
    host: str
    """The machine that the folder is on."""
    location: str
    """The folder's absolute path there."""
    item_count: int = 0
    """Items of the collection that come from it."""
    indexed: datetime | None = field(default=None, metadata=wire("index_time"))
    """When it was last indexed, in UTC."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A collection as it was at one moment."""

    name: str
    """Its name."""
    collection: str
    """The name that the collection had."""
    space: SpaceRef
    """The space of all its vectors."""
    width: int
    """Their width."""
    item_count: int
    """Items that it holds."""
    section_count: int
    """Sections that it holds."""
    vector_count: int
    """Vectors that it holds: one for each section, and one for each region of a section."""
    byte_count: int
    """Bytes of its files, as the tenant's quota counts them."""
    created: datetime | None = field(metadata=wire("create_time"))
    """When it was made, in UTC."""
    version: str
    """The version of tieback that wrote it."""
    damage: str = ""
    """What is wrong with it and what to do about it; empty where it can be read."""


@dataclass(frozen=True, slots=True)
class Moving:
    """Where a collection is being moved by an upgrade, and how far it is."""

    space: SpaceRef
    """The new space."""
    width: int
    """The width of its vectors."""
    done: int = 0
    """Sections that have vectors of it."""
    total: int = 0
    """Sections of the collection."""
    paused: bool = False
    """Whether it is paused: no other section gets its new vector."""
    translation: str = ""
    """The transform by which old vectors are read, where the old encoder is gone; else empty."""
    trust: float = 1.0
    """How much of what a reindex would find is found by old vectors."""
    translates_stored: bool = False
    """Whether that brings stored vectors into the new space; else it leads queries into the old one."""

    @property
    def share(self) -> float:
        """The share of sections that have new vectors, 0 to 1."""
        return self.done / self.total if self.total else 1.0
