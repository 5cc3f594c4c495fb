"""Snapshots of collections."""

from __future__ import annotations

from dataclasses import dataclass

from tieback_contract.vectors import SpaceRef


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A collection as it was at one moment, `created`, in seconds since the epoch.

    `collection` is the name that it had then. `bytes` are those of the snapshot's files, which its owner's
    quota counts. `version` is that of the tieback that wrote it. `damage` says what is wrong with the
    snapshot and what to do; it is empty where its manifest is whole, and else the rest is not known.
    """

    name: str
    collection: str
    space: SpaceRef
    width: int
    item_count: int
    section_count: int
    vector_count: int
    bytes: int
    created: float
    version: str
    damage: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """Some bytes of a snapshot as one file, and how many the file has in `total`."""

    data: bytes
    total: int
