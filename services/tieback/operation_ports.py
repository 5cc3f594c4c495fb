"""What services offer to operations that run long in the background; see `ports`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Collection as AnyOf
from pathlib import Path
from typing import Any, Protocol

from tieback_contract.collections import Moving, Snapshot
from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.core.call import Call
from tieback.core.errors import TiebackError
from tieback.core.types.collection import SnapshotPart, StoredCollection
from tieback.core.types.moving import Anchors, Asked, MoveProgress, SpacePair, StartedMove
from tieback.core.types.operation import OperationRecord, PlanUpgradeRequest, Progress
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexProgress, ReindexState


class OperationsPort(Protocol):
    """Starts what runs for minutes, and what is done with an upgrade beside starting it.

    For the tenant that calls, with the role admin. An operation that is equal to one under way is that one.
    """

    async def start_reindex(
        self, collection: str, space: str = "", drop_missing: bool = False
    ) -> OperationRecord:
        """Begins to encode a collection's items again."""
        ...

    async def plan_upgrade(self, request: PlanUpgradeRequest, call: Call) -> OperationRecord:
        """Begins to measure what moving a collection to another space is worth."""
        ...

    async def start_upgrade(
        self, collection: str, space: str = "", least_trust: float | None = None
    ) -> OperationRecord:
        """Begins to move a collection to another space."""
        ...

    async def pause_upgrade(self, collection: str) -> StoredCollection:
        """Has an upgrade encode no more."""
        ...

    async def resume_upgrade(self, collection: str) -> OperationRecord:
        """Goes on with an upgrade."""
        ...

    async def rollback_upgrade(self, collection: str) -> StoredCollection:
        """Has a collection stay in its old space."""
        ...

    async def finish_upgrade(self, collection: str, drop_missing: bool = False) -> StoredCollection:
        """Has a collection be in its new space alone."""
        ...


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


class ReindexPort(Protocol):
    """Encodes collections again, in the process that has the index's store."""

    async def check(self, collection: str, *, space: str = "") -> None:
        """Raises what `reindex` would at once: what is not there, or that the role is not enough."""
        ...

    def reindex(
        self,
        collection: str,
        *,
        space: str = "",
        drop_missing: bool = False,
        ending: ReindexProgress | None = None,
    ) -> AsyncIterator[ReindexProgress]:
        """Encodes a collection's items again, and reports how far it is; the last reports how it ended.

        The collection is read and written meanwhile. A run that was cut short is gone on with; `ending` is
        what it last reported as finishing.
        """
        ...

    async def discard(self, collection: str) -> None:
        """Removes what runs that did not finish have made, so that the next one begins anew."""
        ...


class MovesPort(Protocol):
    """Collections of an index that are moved to another space, and read in both until they have arrived.

    In the process that has the store, for the tenant that a collection belongs to, with the role admin. Of a
    collection that is not moved, every call but `begin` is NotFound.
    """

    async def check(self, collection: str, width: int) -> None:
        """Raises what `begin` would for vectors of that width."""
        ...

    async def begin(
        self, collection: str, moving: StartedMove, token_vectors: TokenVectors | None
    ) -> StartedMove:
        """Begins to read it in both spaces, durably, or goes on. AlreadyExists where it goes elsewhere."""
        ...

    async def transform(self, collection: str, space: SpaceRef) -> tuple[str, float] | None:
        """The revision of the newest transform from that space into the collection's own, and its trust.

        None where none was learned.
        """
        ...

    async def pause(self, collection: str, *, paused: bool) -> Moving:
        """Notes, durably, whether sections are to get new vectors."""
        ...

    async def in_order_of_use(self, collection: str) -> list[str]:
        """The ids of the items that lack new vectors: those that are found most first, then the newest."""
        ...

    async def read(self, collection: str, ids: Sequence[str]) -> list[PendingItem]:
        """Those of these items that lack new vectors, with their contents."""
        ...

    async def keep(self, collection: str, ids: Sequence[str], modalities: AnyOf[Modality]) -> int:
        """Copies, durably, the old vectors of those of these items that lack new ones and keep theirs.

        These are of contents of those modalities alone. It says how many there are.
        """
        ...

    async def write(self, collection: str, items: Sequence[ReindexedItem]) -> list[TiebackError | None]:
        """Writes new vectors, durably; those of items that changed meanwhile are not taken."""
        ...

    async def finish(self, collection: str, dropped: Sequence[str] = ()) -> ReindexState:
        """Drops the old vectors, durably and at once; the `dropped` items are left out.

        InvalidInput where others lack new vectors.
        """
        ...

    async def discard(self, collection: str) -> None:
        """Drops the new vectors, durably: the collection is as if it had never been moved."""
        ...


class MovingPort(Protocol):
    """Moves collections to another space, in the process that has the index's store."""

    async def check(self, collection: str, *, space: str = "", least_trust: float = 0.0) -> Moving:
        """Where `move` would move the collection. Raises what that would at once."""
        ...

    def move(
        self,
        collection: str,
        *,
        space: str = "",
        least_trust: float = 0.0,
        request: Mapping[str, Any],
    ) -> AsyncIterator[MoveProgress]:
        """Gives a collection's sections new vectors, in the order of their use; the last says how it ended.

        It is read in both spaces from the first on. `request` is kept with it.
        """
        ...

    async def state(self, collection: str) -> StoredCollection:
        """The collection, which says where it is being moved."""
        ...

    async def pause(self, collection: str, *, paused: bool) -> StoredCollection:
        """Has `move` end where it is, or lets it begin again."""
        ...

    async def finish(self, collection: str, *, drop_missing: bool = False) -> StoredCollection:
        """Drops the old vectors, and items without new ones if that is said. The collection as it is then."""
        ...

    async def roll_back(self, collection: str) -> StoredCollection:
        """Drops the new vectors. The collection as it is then."""
        ...


class UpgradePort(Protocol):
    """Encodes contents of collections in two spaces, in the process that has the index's store."""

    async def check(
        self, collection: str, *, space: str = "", labels: str = "", earlier: Sequence[str] = ()
    ) -> SpacePair:
        """The collection's space and the one that is to take its place; `earlier` spaces are served ones.

        Raises what `encode` would at once: what is not there, that the role is not enough, or that the two
        spaces have nothing to compare.
        """
        ...

    async def sample(self, collection: str, most: int) -> list[str]:
        """The ids of at most so many items, evenly taken from all of them."""
        ...

    async def encode(
        self,
        collection: str,
        ids: Sequence[str],
        *,
        space: str = "",
        labels: str = "",
        earlier: Sequence[str] = (),
        short: bool = False,
    ) -> Anchors:
        """The contents of these items in all spaces; with `labels`, by that field of their metadata.

        Texts that are too short to be cut are there where `short` ones are asked for.
        """
        ...

    async def encode_queries(
        self, collection: str, texts: Sequence[str], *, space: str = "", earlier: Sequence[str] = ()
    ) -> Asked:
        """These texts in all spaces, as queries. InvalidInput where a space refuses one."""
        ...

    def folder(self, collection: str) -> Path:
        """Where upgrades of the collection's space keep what they learn."""
        ...


class HeadsPort(Protocol):
    """Fits heads on vectors that were made before, in the process that keeps both.

    For the running task's tenant, with the role admin.
    """

    async def check(self, name: str, draft: str) -> None:
        """Raises what `fit` would at once: that the role is not enough, or that the vectors are not there."""
        ...

    def fit(self, name: str, draft: str) -> AsyncIterator[Progress]:
        """Fits the head of that name and keeps it as its next version; the last step's checkpoint says which.

        The vectors are named by `draft`, and stay.
        """
        ...

    async def discard(self, name: str, draft: str) -> None:
        """Removes the vectors."""
        ...
