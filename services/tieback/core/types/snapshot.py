"""Snapshots of collections."""

from __future__ import annotations

from typing import NamedTuple


class SnapshotPart(NamedTuple):
    """Some bytes of a snapshot as one file, and how many the file has in `total`."""

    data: bytes
    total: int
