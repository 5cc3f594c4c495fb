"""Work on the snapshots of a store, by one task at a time and on a thread of its own: it is the disk's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from tieback.collections.quotas import check
from tieback.core.durable_files import storing
from tieback.core.errors import AlreadyExists, Unavailable
from tieback.core.tenant import PRINCIPAL
from tieback.index.ownership import OwnedCollections
from tieback.index.snapshots.catalog import SnapshotCatalog
from tieback.index.snapshots.files import SnapshotFolders
from tieback.index.vectors import one_thread

T = TypeVar("T")


class SnapshotWork:
    """The folders of snapshots, the list of them, and who may work on both."""

    def __init__(self, folders: SnapshotFolders, owned: OwnedCollections) -> None:
        self.folders, self.owned = folders, owned
        self.catalog = SnapshotCatalog(folders, owned.snapshot_bytes)
        self.one = asyncio.Lock()
        """Held by the task that works; taken before that of `lifecycle`."""
        self._thread = ThreadPoolExecutor(1, "index-snapshots", initializer=one_thread)
        self._closed = False

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Inside, no other task works, and it is known which snapshots the tenant has."""
        owner = PRINCIPAL.get().tenant
        async with self.one:
            if self._closed:
                raise Unavailable("the index is shutting down")
            self.catalog.note(await self.run(lambda: self.catalog.seen(owner)), owner)
            yield

    async def run(self, work: Callable[[], T]) -> T:
        """Do work on the thread, and return its result.

        StorageFull and Unavailable in the place of OSError.
        """
        with storing():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def check_bytes(self, owner: str, more: int, *, besides: int = 0) -> None:
        """QuotaExceeded where a tenant may not store so many more, `besides` what it stores."""
        principal = PRINCIPAL.get()
        stored = self.owned.stored(owner).bytes + besides
        check(principal, owner, "bytes", stored, more, principal.quota.bytes)

    async def close(self) -> None:
        """Has what runs end soon, leaving nothing half made."""
        self._closed = True
        self.folders.stop()
        async with self.one:
            await asyncio.to_thread(self._thread.shutdown)


def taken(kind: str, name: str) -> AlreadyExists:
    """The error of a name that something else has."""
    return AlreadyExists(
        kind,
        name,
        f"a {kind} named {name!r} is there, and nothing of it was changed: take another name, or delete it "
        "first",
    )
