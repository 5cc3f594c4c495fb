"""Looks at a store that no server has open, and changes nothing of it: for `tieback doctor`."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from tieback_contract.vectors import SpaceRef

from tieback.core.durable_files import StoreLock
from tieback.core.tenant import CollectionKey
from tieback.index.store import versions
from tieback.index.store.folder import described, tables
from tieback.index.store.reading import TableReader
from tieback.index.store.table import readable


def damaged_collections(directory: Path) -> list[str]:
    """The collections that a server would keep apart; reads all rows, some seconds per million.

    StartupError where a server has the store open: it knows best.
    """
    folders = tables(directory)
    if not folders:
        return []
    lock = StoreLock(directory / "lock")
    try:
        with tempfile.TemporaryDirectory() as views:
            return [str(key) for key in sorted(folders) if not _sound(folders[key], Path(views))]
    finally:
        lock.release()


def spaces_of_collections(directory: Path) -> dict[str, SpaceRef]:
    """The spaces of the collections that can be opened. StartupError as above."""
    folders = tables(directory)
    if not folders:
        return {}
    lock = StoreLock(directory / "lock")
    try:
        return {
            str(key): space for key in sorted(folders) if (space := _space(key, folders[key])) is not None
        }
    finally:
        lock.release()


def _space(key: CollectionKey, folder: Path) -> SpaceRef | None:
    try:
        return described(key, TableReader(folder)).space
    except Exception:  # noqa: BLE001 - whatever Lance says of damaged files: the other check tells of them
        return None


def _sound(folder: Path, views: Path) -> bool:
    """Whether the acknowledged version can be read, or a later one in its place."""
    with suppress(ValueError, OSError):
        known = versions.acknowledged(folder)
        newest = next(iter(versions.manifests(folder)), 0)
        return newest >= known and any(readable(folder, version, views) for version in {known, newest})
    return False
