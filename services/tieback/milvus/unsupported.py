# ruff: noqa: ARG002 - every call is refused, whatever it asks for
"""The parts of an index that collections in Milvus do not have: every call says so."""

from __future__ import annotations

from collections.abc import Collection as AnyOf
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tieback_contract.collections import Moving, Snapshot
from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.core.errors import TiebackError
from tieback.core.types.collection import SnapshotPart, StoredCollection
from tieback.core.types.content import Content, Item
from tieback.core.types.moving import StartedMove
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexState
from tieback.milvus.refusals import unsupported


class NoSnapshots:
    """A `SnapshotsPort` of which every call but the listing is Unsupported."""

    async def create_snapshot(self, collection: str, name: str) -> Snapshot:
        """See `SnapshotsPort`."""
        self._refuse()

    async def list_snapshots(self, *, page_size: int = 0, page_token: str = "") -> tuple[list[Snapshot], str]:
        """See `SnapshotsPort`. There are none."""
        return [], ""

    async def restore_snapshot(
        self, snapshot: str, collection: str, *, any_space: bool = False
    ) -> StoredCollection:
        """See `SnapshotsPort`."""
        self._refuse()

    async def delete_snapshot(self, name: str) -> None:
        """See `SnapshotsPort`."""
        self._refuse()

    async def export_snapshot(self, name: str, offset: int) -> SnapshotPart:
        """See `SnapshotsPort`."""
        self._refuse()

    async def import_snapshot(
        self, name: str, offset: int, data: bytes, *, last: bool
    ) -> tuple[int, Snapshot | None]:
        """See `SnapshotsPort`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise unsupported("snapshots")


class NoReindexing:
    """What `StorePort` has beside `IndexPort`; every call is Unsupported."""

    async def begin_reindex(
        self, collection: str, space: SpaceRef, width: int, token_vectors: TokenVectors | None = None
    ) -> ReindexState:
        """See `StorePort`."""
        raise unsupported("reindex")

    async def list_pending(self, collection: str, after: str = "") -> list[PendingItem]:
        """See `StorePort`."""
        raise unsupported("reindex")

    async def write_reindexed(
        self, collection: str, items: Sequence[ReindexedItem]
    ) -> list[TiebackError | None]:
        """See `StorePort`."""
        raise unsupported("reindex")

    async def finish_reindex(self, collection: str, dropped: Sequence[str] = ()) -> ReindexState:
        """See `StorePort`."""
        raise unsupported("reindex")

    async def discard_reindex(self, collection: str) -> None:
        """See `StorePort`."""
        raise unsupported("reindex")


class NoOriginals:
    """A `StoredItemsPort` of which every call is Unsupported."""

    async def get_original(self, collection: str, item_id: str, section_id: str) -> Content:
        """See `StoredItemsPort`."""
        raise unsupported("originals")

    async def sample(self, collection: str, most: int) -> list[str]:
        """See `StoredItemsPort`."""
        raise unsupported("reindex")

    async def read(self, collection: str, ids: Sequence[str]) -> list[Item | None]:
        """See `StoredItemsPort`."""
        raise unsupported("reindex")

    async def staying(self, collection: str, modalities: AnyOf[Modality]) -> tuple[int, int]:
        """See `StoredItemsPort`."""
        raise unsupported("reindex")

    def upgrades(self, collection: str) -> Path:
        """See `StoredItemsPort`."""
        raise unsupported("reindex")


class NoMoves:
    """A `MovesPort` of which every call is Unsupported."""

    async def check(self, collection: str, width: int) -> None:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def begin(
        self, collection: str, moving: StartedMove, token_vectors: TokenVectors | None
    ) -> StartedMove:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def transform(self, collection: str, space: SpaceRef) -> tuple[str, float] | None:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def pause(self, collection: str, *, paused: bool) -> Moving:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def in_order_of_use(self, collection: str) -> list[str]:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def read(self, collection: str, ids: Sequence[str]) -> list[PendingItem]:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def keep(self, collection: str, ids: Sequence[str], modalities: AnyOf[Modality]) -> int:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def write(self, collection: str, items: Sequence[ReindexedItem]) -> list[TiebackError | None]:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def finish(self, collection: str, dropped: Sequence[str] = ()) -> ReindexState:
        """See `MovesPort`."""
        raise unsupported("upgrade")

    async def discard(self, collection: str) -> None:
        """See `MovesPort`."""
        raise unsupported("upgrade")
