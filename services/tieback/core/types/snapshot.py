"""Snapshots of collections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """Some bytes of a snapshot as one file, and how many the file has in `total`."""

    data: bytes
    total: int
