"""Snapshots of collections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tieback_contract.vectors import SpaceRef

from tieback_client import reading


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
    created: datetime | None
    """When it was made, in UTC."""
    version: str
    """The version of tieback that wrote it."""
    damage: str = ""
    """What is wrong with it and what to do about it; empty where it can be read."""


def read_snapshot(message: Any) -> Snapshot:
    """A snapshot, from its message."""
    return Snapshot(
        name=message.name,
        collection=message.collection,
        space=reading.space_ref(message.space),
        width=message.width,
        item_count=message.item_count,
        section_count=message.section_count,
        vector_count=message.vector_count,
        byte_count=message.byte_count,
        created=message.create_time.ToDatetime(UTC) if message.HasField("create_time") else None,
        version=message.version,
        damage=message.damage,
    )
