"""Items as they were given: with the originals of their pictures, sounds and point clouds."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tieback_contract.modality import Modality

from tieback.core.errors import NotFound
from tieback.core.tenant import AccessLevel
from tieback.core.types.content import Content, Item, Section
from tieback.index.collection import OpenCollection
from tieback.index.entries import Entry
from tieback.index.originals import Originals, content_of
from tieback.index.ownership import OwnedCollections
from tieback.index.staying_items import count_staying
from tieback.index.store import Store

_NOT_KEPT = (
    "it was not kept when the item was written; TIEBACK_ORIGINALS_BYTES says how much the server keeps"
)


class StoredItems:
    """A `StoredItemsPort`."""

    def __init__(self, store: Store, owned: OwnedCollections, originals: Originals) -> None:
        self._store, self._owned, self._originals = store, owned, originals

    async def sample(self, collection: str, most: int) -> list[str]:
        """See `StoredItemsPort`."""
        memory = self._opened(collection).memory

        def chosen() -> list[str]:
            with memory.lock.reading():
                ids = memory.ids_after("")
                places = np.linspace(0, len(ids) - 1, min(most, len(ids))).round().astype(np.int64)
                return [ids[place] for place in places]

        return await asyncio.to_thread(chosen)

    async def read(self, collection: str, ids: Sequence[str]) -> list[Item | None]:
        """See `StoredItemsPort`."""
        opened = self._opened(collection)

        def items() -> list[Item | None]:
            with opened.memory.lock.reading():
                entries = [opened.memory.entry(item_id) for item_id in ids]
            owner = opened.description.owner
            return [None if one is None else with_contents(one, owner, self._originals) for one in entries]

        return await asyncio.to_thread(items)

    async def get_original(self, collection: str, item_id: str, section_id: str) -> Content:
        """See `StoredItemsPort`."""
        opened = self._owned.to_read(collection)

        def read() -> Content:
            with opened.memory.lock.reading():
                entry = opened.memory.entry(item_id)
            if entry is None:
                raise NotFound("item", item_id, hint=f"collection {collection!r} has no item of that id")
            places = {one.id: place for place, one in enumerate(entry.item.sections)}
            place = places.get(section_id)
            if place is None:
                raise NotFound("section", section_id, places)
            section = with_content(entry, place, opened.description.owner, self._originals)
            if section.content is None:
                raise NotFound("original", f"{item_id} § {section_id}", hint=_NOT_KEPT)
            return section.content

        return await asyncio.to_thread(read)

    async def staying(self, collection: str, modalities: Collection[Modality]) -> tuple[int, int]:
        """See `StoredItemsPort`."""
        return await asyncio.to_thread(count_staying, self._opened(collection).memory, modalities)

    def upgrades(self, collection: str) -> Path:
        """See `StoredItemsPort`."""
        return self._store.upgrades(self._opened(collection).description.key)

    def _opened(self, collection: str) -> OpenCollection:
        self._owned.known(collection, AccessLevel.ADMIN)
        return self._owned.to_write(collection)


def with_contents(entry: Entry, owner: str, originals: Originals) -> Item:
    """A stored item with the contents of its sections; None for one whose original is not there. Blocks."""
    sections = [with_content(entry, ordinal, owner, originals) for ordinal in range(len(entry.item.sections))]
    return replace(entry.item, sections=sections)


def with_content(entry: Entry, ordinal: int, owner: str, originals: Originals) -> Section:
    """The section of that number with its content; None for an original that is not there. Blocks."""
    section = entry.item.sections[ordinal]
    if section.content is not None or ordinal not in entry.originals:
        return section
    data = originals.read(owner, entry.originals[ordinal])
    return replace(section, content=None if data is None else content_of(entry.modalities[ordinal], data))
