"""Items are written and removed: checked, admitted by keys and quota, made durable with their originals."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.reports import Timing

from tieback.collections.metadata import check_id
from tieback.collections.quotas import Checked, QuotaWrites
from tieback.collections.readers import Readers
from tieback.collections.record import Record
from tieback.collections.validation import check_batch, check_items
from tieback.core.errors import TiebackError
from tieback.core.tenant import PRINCIPAL
from tieback.core.types.collection import IndexedItem, UpsertReply
from tieback.index.collection import OpenCollection
from tieback.index.ownership import OwnedCollections
from tieback.index.store.references import ReferredOriginals


class ItemWriter:
    """Writes items into collections, and removes them; where it `keeps` originals, with those."""

    def __init__(
        self,
        owned: OwnedCollections,
        originals: ReferredOriginals,
        readers: Readers,
        limits: Limits,
        *,
        keeps: bool,
    ) -> None:
        self._owned, self._originals, self._readers = owned, originals, readers
        self._limits, self._keeps = limits, keeps
        self._writes = QuotaWrites()

    async def upsert(self, opened: OpenCollection, items: Sequence[IndexedItem]) -> UpsertReply:
        """An error in the place of each item that cannot be written; the others are durable, in one step."""
        begin = time.perf_counter()
        check_batch(len(items), self._limits, field=at("items"))
        checked = await self._readers.run(lambda _: self._checked(opened, items))
        # not by a reader: what it had admitted for a caller who has gone meanwhile would not be released
        admitted, keys = opened.keys.admit(checked, self._limits.collection_keys)
        try:
            return await self._write(opened, admitted, begin)
        finally:
            opened.keys.release(keys)

    async def delete(self, opened: OpenCollection, ids: Sequence[str]) -> int:
        """Removes items; returns how many were there."""
        check_batch(len(ids), self._limits, field=at("ids"))
        for position, item_id in enumerate(ids):
            check_id(item_id, field=at("ids", position))
        return await self.remove(opened, ids)

    async def remove(self, opened: OpenCollection, ids: Sequence[str]) -> int:
        """As `delete`, of ids that need no check; none is nothing to do."""
        removed = (await opened.writer.write(removals=ids)).removed if ids else 0
        await self._originals.release_of(opened)
        return removed

    def _checked(self, opened: OpenCollection, items: Sequence[IndexedItem]) -> Checked:
        known, kept = opened.description, opened.memory.tokens
        return check_items(
            items,
            known.space,
            known.width,
            self._limits,
            keeps=self._keeps,
            coding=None if kept is None else kept.coding,
        )

    async def _write(self, opened: OpenCollection, checked: Checked, begin: float) -> UpsertReply:
        known = opened.description
        timing = Timing(prepare=time.perf_counter() - begin)
        records = {result.item.id: result for result in checked if isinstance(result, Record)}
        versions: dict[str, int] = {}
        if records:
            writing = list(records.values())
            stored = self._owned.stored(known.owner)
            with self._writes.admitted(PRINCIPAL.get(), known.key, stored, opened.memory.items, writing):
                written = await self._originals.write(opened, writing)
            timing.queue, timing.compute = written.queue, written.commit
            versions = dict(zip(records, written.versions, strict=True))
        timing.total = time.perf_counter() - begin
        return UpsertReply(
            [result if isinstance(result, TiebackError) else None for result in checked], timing, versions
        )
