"""What the index offers to whoever keeps its collections as they are; see `ports`."""

from __future__ import annotations

from typing import Protocol

from tieback_contract.collections import Snapshot

from tieback.core.types.collection import StoredCollection
from tieback.core.types.snapshot import SnapshotPart


class SnapshotsPort(Protocol):
    """Snapshots of collections, in the process that has the store. They belong to the tenant that calls.

    What is begun is finished though its caller gives up; the same call again waits for it, and finds it done.
    """

    async def create_snapshot(self, collection: str, name: str) -> Snapshot:
        """Keeps a collection of the tenant as it is now, with all that was acknowledged; for the role admin.

        AlreadyExists where the name is taken, unless by a snapshot of the collection exactly as it is.
        """
        ...

    async def list_snapshots(self, *, page_size: int = 0, page_token: str = "") -> tuple[list[Snapshot], str]:
        """A page by name, and the token of the next one (empty on the last)."""
        ...

    async def restore_snapshot(
        self, snapshot: str, collection: str, *, any_space: bool = False
    ) -> StoredCollection:
        """Makes a collection of a snapshot, after reading and verifying all its files; for the role admin.

        AlreadyExists where the name is taken, unless by exactly what the snapshot holds. DamagedSnapshot
        where a file is not what was written, Unsupported where it is of another format. NotFound where its
        space is not served, unless `any_space` is allowed.
        """
        ...

    async def delete_snapshot(self, name: str) -> None:
        """Removes a snapshot; durable when it returns. For the role admin."""
        ...

    async def export_snapshot(self, name: str, offset: int) -> SnapshotPart:
        """The next bytes of a snapshot as one file, always the same; none at its end. For the role admin."""
        ...

    async def import_snapshot(
        self, name: str, offset: int, data: bytes, *, last: bool
    ) -> tuple[int, Snapshot | None]:
        """Takes bytes of such a file; says how many are there, and after the `last` ones what they made.

        Offset 0 begins anew; a tenant imports one at a time. DamagedSnapshot where they are not what an
        export gave, AlreadyExists where the name is taken by another snapshot. For the role admin.
        """
        ...
