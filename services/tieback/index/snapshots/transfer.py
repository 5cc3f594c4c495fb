"""Snapshots on their way to another server and from one: as one tar file, in parts of some megabytes.

Each part is a call of its own, so that a transfer goes on after a lost connection. A tenant imports one
snapshot at a time, into a file of `making/`; the next start removes what was not finished.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from tieback_contract.collections import Snapshot

from tieback.collections.validation import check_name
from tieback.core.durable_files import storing
from tieback.core.errors import DamagedSnapshot, InvalidInput
from tieback.core.tenant import PRINCIPAL, AccessLevel, CollectionKey
from tieback.core.types.collection import SnapshotPart
from tieback.index.snapshots.archive import archive_of
from tieback.index.snapshots.catalog import snapshot_of
from tieback.index.snapshots.files import discard
from tieback.index.snapshots.work import SnapshotWork, taken

PART_BYTES = 2 * 1024 * 1024
"""Of a part that is exported: gRPC clients take messages of 4 MiB unless they are told otherwise."""


@dataclass(slots=True)
class _Import:
    """An archive on its way in: `size` bytes of it are there. `made` is the snapshot once it is one."""

    key: CollectionKey
    path: Path
    size: int = 0
    made: Snapshot | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Transfers:
    """Exports and imports."""

    def __init__(self, work: SnapshotWork, making: Path) -> None:
        self._work, self._making = work, making
        self._folders, self._catalog = work.folders, work.catalog
        self._imports: dict[str, _Import] = {}  # by tenant

    async def export_snapshot(self, name: str, offset: int) -> SnapshotPart:
        """See `SnapshotsPort`."""
        PRINCIPAL.get().require(AccessLevel.ADMIN, work="exporting a snapshot")
        key = self._catalog.find(name)
        part = await asyncio.to_thread(self._part, key, offset)
        if offset > part.total:
            raise InvalidInput(f"the export has {part.total:,} bytes", field="offset")
        return part

    async def import_snapshot(
        self, name: str, offset: int, data: bytes, *, last: bool
    ) -> tuple[int, Snapshot | None]:
        """See `SnapshotsPort`."""
        principal = PRINCIPAL.get()
        principal.require(AccessLevel.ADMIN, work="importing a snapshot")
        check_name(name, "snapshot", field="name")
        key = CollectionKey(principal.tenant, name)
        known = self._imports.get(key.owner)
        if offset == 0 and not (known is not None and self._is_done(known, key, len(data))):
            if not last and self._catalog.get(name) is not None:
                raise taken("snapshot", name)
            known = self._begin(key)
        if known is None or known.key != key:
            raise InvalidInput(
                f"no import of {name!r} is under way; begin with the first bytes, at offset 0", field="offset"
            )
        async with known.lock:
            if offset > known.size:
                raise InvalidInput(f"{known.size:,} bytes are there: go on at that offset", field="offset")
            if known.made is None:
                await self._write(known, offset, data)
        return known.size, await asyncio.shield(self._finish(known)) if last else None

    def _begin(self, key: CollectionKey) -> _Import:
        self._drop(self._imports.get(key.owner))
        begun = _Import(key, self._making / f"import-{secrets.token_hex(8)}")
        with storing():
            begun.path.touch(mode=0o600)
        self._imports[key.owner] = begun
        return begun

    def _drop(self, known: _Import | None) -> None:
        """Forgets an import, with what is there of it."""
        if known is not None:
            known.path.unlink(missing_ok=True)
            if self._imports.get(known.key.owner) is known:
                del self._imports[known.key.owner]

    async def _write(self, known: _Import, offset: int, data: bytes) -> None:
        more = max(0, offset + len(data) - known.size)
        self._work.check_bytes(known.key.owner, more, besides=known.size)
        with storing():
            await asyncio.to_thread(_write, known.path, offset, data)
        known.size += more

    async def _finish(self, known: _Import) -> Snapshot:
        async with self._work.alone(), known.lock:
            if known.made is None:
                try:
                    known.made = await self._unpacked(known.key, known.path)
                except BaseException:
                    self._drop(known)
                    raise
                await self._work.run(lambda: known.path.unlink(missing_ok=True))
            return known.made

    async def _unpacked(self, key: CollectionKey, archive: Path) -> Snapshot:
        made, manifest = await self._work.run(lambda: self._folders.unpack(key, archive))
        try:
            snapshot = snapshot_of(key, manifest)
            there = self._catalog.get(key.name)
            if there is not None:
                if there.damage or await self._work.run(lambda: self._folders.read(key)) != manifest:
                    raise taken("snapshot", key.name)
                return there
            self._catalog.check_room()
            self._work.check_bytes(key.owner, snapshot.byte_count)
            await self._work.run(lambda: self._folders.put(key, made))
            self._catalog.add(key, snapshot)
            return snapshot
        finally:
            await self._work.run(lambda: discard(made))  # unless it is in its place

    def _is_done(self, known: _Import, key: CollectionKey, size: int) -> bool:
        """Whether this is a whole archive, in one part, that was taken in and is sent again."""
        made = known.made
        return (
            known.key == key
            and made is not None
            and (known.size, self._catalog.get(key.name)) == (size, made)
        )

    def _part(self, key: CollectionKey, offset: int) -> SnapshotPart:
        try:
            archive = archive_of(self._folders.folder(key), key.name)
            return SnapshotPart(archive.read(offset, PART_BYTES), archive.size)
        except (OSError, EOFError) as error:
            raise DamagedSnapshot(
                f"a file of the snapshot {key.name!r} is missing or damaged, or it was just deleted; "
                "export another one"
            ) from error


def _write(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
