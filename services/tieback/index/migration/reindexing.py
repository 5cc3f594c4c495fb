"""Collections encoded again: the part of the index that makes generations for a reindex."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.core.errors import AlreadyExists, TiebackError
from tieback.core.tenant import AccessLevel
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexState
from tieback.index.collection import OpenCollection
from tieback.index.lifecycle import Lifecycle
from tieback.index.migration.generations import Generations
from tieback.index.ownership import OwnedCollections
from tieback.index.store.references import ReferredOriginals


class EncodedAgain:
    """What `StorePort` has for a reindex. The index has the rest."""

    _owned: OwnedCollections
    _generations: Generations
    _references: ReferredOriginals
    _lifecycle: Lifecycle

    def _opened(self, name: str) -> OpenCollection:
        raise NotImplementedError

    async def begin_reindex(
        self, collection: str, space: SpaceRef, width: int, token_vectors: TokenVectors | None = None
    ) -> ReindexState:
        """See `StorePort`. Once begun it is finished: else nobody would know what is on the disk."""

        async def begin() -> ReindexState:
            async with self._lifecycle.changing:
                opened = self._to_reindex(collection)
                if opened.memory.next is not None:
                    raise AlreadyExists(
                        "upgrade",
                        collection,
                        f"the collection {collection!r} is between two spaces by an upgrade, which encodes "
                        "it again; finish the upgrade or roll it back first",
                    )
                return await self._generations.begin(opened, space, width, token_vectors)

        return await asyncio.shield(begin())

    async def list_pending(self, collection: str, after: str = "") -> list[PendingItem]:
        """See `IndexPort`."""
        return await self._generations.pending(self._to_reindex(collection), after)

    async def write_reindexed(
        self, collection: str, items: Sequence[ReindexedItem]
    ) -> list[TiebackError | None]:
        """See `IndexPort`."""
        return await self._generations.write(self._to_reindex(collection), items)

    async def finish_reindex(self, collection: str, dropped: Sequence[str] = ()) -> ReindexState:
        """See `IndexPort`."""
        async with self._lifecycle.changing:
            opened = self._to_reindex(collection)
            return await asyncio.shield(self._finish(opened, dropped))

    async def _finish(self, opened: OpenCollection, dropped: Sequence[str]) -> ReindexState:
        state = await self._generations.finish(opened, dropped)
        await self._references.release(opened.description.owner, opened.memory.originals)
        return state

    async def discard_reindex(self, collection: str) -> None:
        """See `StorePort`. As `begin_reindex`, once begun."""
        await asyncio.shield(self._discard_reindex(collection))

    async def _discard_reindex(self, collection: str) -> None:
        async with self._lifecycle.changing:
            opened = self._to_reindex(collection)
            if opened.memory.next is not None:
                return  # an upgrade's
            key = opened.description.key
            made = self._generations.made.get(key)
            await self._generations.discard(key)
        if made is not None:
            await self._references.release(key.owner, made.memory.originals)

    def _to_reindex(self, name: str) -> OpenCollection:
        self._owned.known(name, AccessLevel.ADMIN)
        return self._opened(name)
