"""Snapshots of collections: made at one moment, listed, restored as new collections, deleted.

One is made, restored or deleted at a time, on a thread of its own: the work is the disk's. What is begun is
finished though its caller gives up, and the same call again waits for it and then finds that it is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from tieback_contract.collections import Snapshot

from tieback import __version__
from tieback.collections.pages import size_of_page
from tieback.collections.quotas import KeyBudget, check
from tieback.collections.served import ServedSpaces
from tieback.collections.sources import Sources
from tieback.collections.validation import check_name
from tieback.core.errors import Damaged, DamagedSnapshot, TiebackError, Unsupported
from tieback.core.page_tokens import PageTokens
from tieback.core.tenant import PRINCIPAL, AccessLevel, CollectionKey
from tieback.core.types.collection import StoredCollection
from tieback.index.collection import DamagedCollection, OpenCollection, ReadCollection
from tieback.index.lifecycle import Lifecycle
from tieback.index.memory.collection import Memory
from tieback.index.ownership import OwnedCollections
from tieback.index.snapshots.catalog import description_of, snapshot_of, unreadable
from tieback.index.snapshots.files import Moment, SnapshotFolders, discard, size_of
from tieback.index.snapshots.manifest import Manifest
from tieback.index.snapshots.transfer import Transfers
from tieback.index.snapshots.work import SnapshotWork, taken
from tieback.index.store import versions
from tieback.index.store.folder import FORMAT, Store, described
from tieback.index.store.references import ReferredOriginals
from tieback.index.store.table import Table
from tieback.index.writer import CollectionWriter


class Snapshots:
    """`SnapshotsPort` over one store.

    `writers` runs the writers of restored collections, and `train` sorts their vectors where they are many.
    """

    def __init__(
        self,
        store: Store,
        owned: OwnedCollections,
        lifecycle: Lifecycle,
        references: ReferredOriginals,
        served: ServedSpaces,
        tokens: PageTokens,
        *,
        writers: Executor,
        train: Callable[[Memory], None],
    ) -> None:
        self._store, self._owned, self._lifecycle = store, owned, lifecycle
        self._references, self._served, self._tokens = references, served, tokens
        self._writers, self._train = writers, train
        self._folders = SnapshotFolders(store.directory / "snapshots", store.making, store.leaving)
        self._work = SnapshotWork(self._folders, owned)
        self._catalog, self._in = self._work.catalog, self._work.run
        self.close = self._work.close
        transfers = Transfers(self._work, store.making)
        self.export_snapshot = transfers.export_snapshot
        self.import_snapshot = transfers.import_snapshot

    def load(self) -> None:
        """Finds the snapshots of the store. One whose manifest is damaged is listed, and can be deleted."""
        self._catalog.note(self._catalog.seen())

    async def create_snapshot(self, collection: str, name: str) -> Snapshot:
        """See `SnapshotsPort`."""
        check_name(name, "snapshot", field="name")
        self._to_copy(collection)
        return await asyncio.shield(self._create(collection, name))

    async def list_snapshots(self, *, page_size: int = 0, page_token: str = "") -> tuple[list[Snapshot], str]:
        """See `SnapshotsPort`."""
        size, scope = size_of_page(page_size), ("snapshots", PRINCIPAL.get().tenant)
        after = self._tokens.read(page_token, *scope) if page_token else ""
        if not self._work.one.locked():  # else what is known has to do: a restore may take minutes
            async with self._work.alone():
                pass
        names = [name for name in self._catalog.names() if name > after]
        token = self._tokens.issue(names[size - 1], *scope) if len(names) > size else ""
        found = [self._catalog.get(name) for name in names[:size]]
        return [one for one in found if one is not None], token

    async def restore_snapshot(
        self, snapshot: str, collection: str, *, any_space: bool = False
    ) -> StoredCollection:
        """See `SnapshotsPort`."""
        PRINCIPAL.get().require(AccessLevel.ADMIN, work="restoring a snapshot")
        check_name(collection, "collection", field="collection")
        opened = await asyncio.shield(self._restore(snapshot, collection, any_space=any_space))
        return replace(opened.describe(), stale=self._served.why_stale(opened.description))

    async def delete_snapshot(self, name: str) -> None:
        """See `SnapshotsPort`."""
        PRINCIPAL.get().require(AccessLevel.ADMIN, work="deleting a snapshot")
        await asyncio.shield(self._delete(name))

    async def _create(self, collection: str, name: str) -> Snapshot:
        key = CollectionKey(PRINCIPAL.get().tenant, name)
        async with self._work.alone():
            async with self._lifecycle.changing, self._moment(self._to_copy(collection)) as moment:
                there = self._catalog.get(name)
                if there is not None:
                    if await self._in(lambda: self._is_of(key, moment)):
                        return there
                    raise taken("snapshot", name)
                self._catalog.check_room()
                owner = moment.description.owner
                made = await self._in(
                    lambda: self._folders.collect(
                        moment, lambda original: self._references.file_of(owner, original)
                    )
                )
            try:  # the links are there: what happens to the collection from here on does not matter
                size = await self._in(lambda: size_of(made))
                self._work.check_bytes(key.owner, size)
                manifest = await self._in(
                    lambda: self._folders.publish(key, made, moment, tieback=__version__, created=time.time())
                )
            except BaseException:
                await self._in(lambda: discard(made))
                raise
            snapshot = snapshot_of(key, manifest)
            self._catalog.add(key, snapshot)
            return snapshot

    @asynccontextmanager
    async def _moment(self, opened: OpenCollection) -> AsyncIterator[Moment]:
        """The collection as it is now; none of its files is removed inside.

        Writes wait until the files are listed, and no longer.
        """
        folder, memory, owner = cast(Table, opened.table).folder, opened.memory, opened.description.owner
        async with AsyncExitStack() as kept:
            kept.enter_context(opened.writer.pinned())
            async with opened.writer.held():
                version = await self._in(lambda: versions.acknowledged(folder))
                files = await self._in(lambda: versions.files(folder, version))
                originals = list(memory.originals)
                await kept.enter_async_context(self._references.staying(owner, originals))
                moment = Moment(
                    *(opened.description, folder, files, originals, opened.sources.to_json()),
                    counts=memory.counts,
                )
            yield moment

    async def _restore(self, name: str, collection: str, *, any_space: bool) -> OpenCollection:
        target = CollectionKey(PRINCIPAL.get().tenant, collection)
        async with self._work.alone():
            key = self._catalog.find(name)
            manifest = await self._in(lambda: self._folders.read(key))
            self._check_readable(key, manifest, any_space=any_space)
            there = self._owned.sound.get(target)
            if there is not None and await self._is_restored(there, manifest):
                return there
            self._check_free(target, manifest)
            await self._in(lambda: self._folders.verify(key, manifest))
            sources = await self._in(lambda: self._sources(key, manifest))
            made = await self._in(lambda: self._table(key, manifest, target))
            try:
                read = await self._in(lambda: self._read(target, key, manifest, made))
                originals = self._folders.originals(key, manifest)
                async with self._references.adopted(target.owner, originals), self._lifecycle.changing:
                    self._check_free(target, manifest, read.memory.bytes)
                    opened = await self._in(lambda: self._publish(target, read, made, sources))
                    self._owned.add(opened)
            except BaseException:
                await self._in(lambda: discard(made))
                raise
        self._train(opened.memory)
        return opened

    async def _delete(self, name: str) -> None:
        async with self._work.alone():
            key = self._catalog.find(name)
            await self._in(lambda: self._folders.remove(key))
            self._catalog.remove(key)

    def _to_copy(self, name: str) -> OpenCollection:
        """A collection to make a snapshot of: the tenant's own. Damaged where its files are."""
        known = self._owned.known(name, AccessLevel.ADMIN)
        if isinstance(known, DamagedCollection):
            raise Damaged(f"no snapshot of the collection {name!r} can be made: {known.why}")
        return known

    def _check_readable(self, key: CollectionKey, manifest: Manifest, *, any_space: bool) -> None:
        if manifest.store_format != FORMAT:
            raise Unsupported(
                f"the snapshot {key.name!r} was written by tieback {manifest.tieback}, whose store has "
                f"format {manifest.store_format}; this one reads {FORMAT}: restore it with that version"
            )
        if not any_space:
            self._served.check_restored(key.name, description_of(key, manifest).space)

    def _check_free(self, target: CollectionKey, manifest: Manifest, size: int = 0) -> None:
        """AlreadyExists where the name is taken; StorageFull or QuotaExceeded where there is no room."""
        if target in self._owned.sound or target in self._owned.damaged:
            raise taken("collection", target.name)
        self._lifecycle.check_room()
        principal, stored = PRINCIPAL.get(), self._owned.stored(target.owner)
        quota = principal.quota
        check(principal, target.owner, "collections", stored.collections, 1, quota.collections)
        check(principal, target.owner, "items", stored.items, manifest.item_count, quota.items)
        check(principal, target.owner, "bytes", stored.bytes, size, quota.bytes)

    def _is_of(self, key: CollectionKey, moment: Moment) -> bool:
        """Whether a snapshot is of that collection, as it is at that moment. In a thread."""
        try:
            manifest = self._folders.read(key)
        except (DamagedSnapshot, Unsupported):
            return False
        return manifest.collection == moment.description.name and self._folders.holds(manifest, moment)

    async def _is_restored(self, there: OpenCollection, manifest: Manifest) -> bool:
        """Whether a collection is exactly what a snapshot holds."""
        async with self._lifecycle.changing, self._moment(there) as moment:
            return await self._in(lambda: self._folders.holds(manifest, moment))

    def _sources(self, key: CollectionKey, manifest: Manifest) -> bytes:
        path = self._folders.sources(key, manifest)
        try:
            return b"" if path is None else Sources(path).to_json()
        except (ValueError, KeyError, TypeError) as error:
            raise unreadable(key, error) from error

    def _table(self, key: CollectionKey, manifest: Manifest, target: CollectionKey) -> Path:
        try:
            return self._folders.table(key, manifest, target.name)
        except ValueError as error:
            raise unreadable(key, error) from error

    def _read(
        self, target: CollectionKey, key: CollectionKey, manifest: Manifest, made: Path
    ) -> ReadCollection:
        """The new table in memory; DamagedSnapshot where it is not what the manifest says."""
        try:
            table = Table(made, self._store.views / target.owner)
            read = ReadCollection.read(described(target, table), table)
        except TiebackError:
            raise
        except Exception as error:  # whatever Lance says of files that are none of its own
            raise unreadable(key, error) from error
        if read.memory.counts != manifest.counts:
            raise unreadable(key, f"{read.memory.counts} items, sections and vectors")
        if read.description != replace(description_of(key, manifest), key=target):
            raise unreadable(key, f"{read.description} is another collection")
        return read

    def _publish(
        self, target: CollectionKey, read: ReadCollection, made: Path, sources: bytes
    ) -> OpenCollection:
        description, table = self._store.adopt(target, made, sources)
        memory, last = read.memory, read.last
        writer = CollectionWriter(str(target), table, memory, self._writers, next_version=last + 1)
        known = self._store.sources(target)
        return OpenCollection(description, table, memory, last, writer, known, KeyBudget(memory.facts))
