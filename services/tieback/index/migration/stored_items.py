"""Items as they were given: with the originals of their pictures, sounds and point clouds."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Span
from tieback_contract.field_path import FieldPath, at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.recognition import SegmentKind

from tieback.collections.record import Original, Record, content_of
from tieback.collections.validation import check_sections
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.tenant import AccessLevel
from tieback.core.types.collection import ReindexedPiece
from tieback.core.types.content import Content, Item, Section
from tieback.index.collection import OpenCollection
from tieback.index.memory.collection import Memory
from tieback.index.memory.kept_items import Entry
from tieback.index.ownership import OwnedCollections
from tieback.index.store.folder import Store
from tieback.index.store.originals import Originals
from tieback.index.store.records import regions_of

# Items whose vectors stay the same where a collection moves to another space.
#
# Of a joint space in which one component was replaced, only the vectors of contents that this component
# encodes change. The others are copied as they are, from the collection's table: memory may hold them
# coded.
COLUMNS = ("version", "ordinal", "vector", "regions", "boxes", "tokens")
"""What is copied of a table's rows; the rest is known of the item."""


def stays(entry: Entry, modalities: Collection[Modality]) -> bool:
    """Whether the vectors of all sections are made of contents of these modalities alone.

    A photo's or a sound's may be made of the words in it, too. A text without its text came as a vector, and
    nothing says what that was made of.
    """
    return all(
        _is_of(section, modality, modalities)
        for section, modality in zip(entry.item.sections, entry.modalities, strict=True)
    )


def _is_of(section: Section, modality: Modality, modalities: Collection[Modality]) -> bool:
    if modality not in modalities or (modality is Modality.TEXT and section.content is None):
        return False
    has_words = any(segment.kind is not SegmentKind.LABEL for segment in section.segments)
    return not has_words or Modality.TEXT in modalities


def count_staying(memory: Memory, modalities: Collection[Modality]) -> tuple[int, int]:
    """How many living items have vectors that stay, and their sections. It takes the lock."""
    if not modalities:
        return 0, 0
    with memory.lock.reading():
        ids = memory.items.ids_after("")
    items = sections = 0
    for item_id in ids:
        with memory.lock.reading():
            entry = memory.items.get(item_id)
        if entry is not None and stays(entry, modalities):
            items, sections = items + 1, sections + len(entry.texts)
    return items, sections


def staying_records(entries: Sequence[Entry], batches: Iterable[Any], width: int) -> list[tuple[int, Record]]:
    """The versions and records of these items, with the vectors that `batches` of their table's rows have.

    An item of which rows are missing, since it was written again meanwhile, is left out.
    """
    rows: dict[int, dict[int, dict[str, Any]]] = {entry.version: {} for entry in entries}
    for batch in batches:
        vectors = batch["vector"].flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        kept = batch.select([name for name in COLUMNS if name != "vector"]).to_pylist()
        for row, vector in zip(kept, vectors, strict=True):
            if (known := rows.get(row["version"])) is not None:
                known[row["ordinal"]] = row | {"vector": np.array(vector, np.float32)}
    found = []
    for entry in entries:
        own = rows[entry.version]
        if sorted(own) != list(range(len(entry.texts))):
            continue
        record = Record(
            *(entry.item, entry.texts, entry.modalities),
            np.stack([own[place]["vector"] for place in range(len(own))]),
            {
                place: regions_of(row["regions"], row["boxes"], width)
                for place, row in own.items()
                if row["regions"] is not None
            },
            entry.originals,
            tokens={
                place: np.frombuffer(row["tokens"], np.uint8).reshape(1, -1)
                for place, row in own.items()
                if row["tokens"] is not None
            },
        )
        found.append((entry.version, record))
    return found


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
                ids = memory.items.ids_after("")
                places = np.linspace(0, len(ids) - 1, min(most, len(ids))).round().astype(np.int64)
                return [ids[place] for place in places]

        return await asyncio.to_thread(chosen)

    async def read(self, collection: str, ids: Sequence[str]) -> list[Item | None]:
        """See `StoredItemsPort`."""
        opened = self._opened(collection)

        def items() -> list[Item | None]:
            with opened.memory.lock.reading():
                entries = [opened.memory.items.get(item_id) for item_id in ids]
            owner = opened.description.owner
            return [None if one is None else with_contents(one, owner, self._originals) for one in entries]

        return await asyncio.to_thread(items)

    async def get_original(self, collection: str, item_id: str, section_id: str) -> Content:
        """See `StoredItemsPort`."""
        opened = self._owned.to_read(collection)

        def read() -> Content:
            with opened.memory.lock.reading():
                entry = opened.memory.items.get(item_id)
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


@dataclass(frozen=True, slots=True)
class Pieces:
    """An item as it will be, with the words of its sections, their modalities, and originals by place."""

    item: Item
    texts: Sequence[str]
    modalities: Sequence[Modality]
    originals: Mapping[int, Original]


def pieces_of(entry: Entry, pieces: Sequence[ReindexedPiece], limits: Limits) -> Pieces:
    """The item in these pieces; as it is, without any.

    Words that were given for a text beside its own are those of each of its pieces. InvalidInput where a
    piece is no part of a section's text, a section has none, or two have one id.
    """
    if not pieces:
        return Pieces(entry.item, entry.texts, entry.modalities, entry.originals)
    order = [piece.section for piece in pieces]
    if order != sorted(order) or set(order) != set(range(len(entry.texts))):
        raise InvalidInput(
            f"the pieces are of the {len(entry.texts)} sections in order, at least one of each",
            field="pieces",
        )
    sections: list[Section] = []
    texts: list[str] = []
    data: dict[int, bytes] = {}
    for place, piece in enumerate(pieces):
        old, words = entry.item.sections[piece.section], entry.texts[piece.section]
        if piece.span is None:
            sections.append(old)
            texts.append(words)
            continue
        if piece.section not in data:
            data = {piece.section: _data(old, field=at("pieces", place, "section"))}
        text = _cut(data[piece.section], piece.span, field=at("pieces", place, "span"))
        first = 0 if old.span is None else old.span[0]
        span = first + piece.span[0], first + piece.span[1]
        goes_on = old.continues or (place > 0 and order[place - 1] == piece.section)
        content = Content(Modality.TEXT, text)
        sections.append(replace(old, id=piece.id, content=content, span=span, continues=goes_on))
        texts.append(text if old.content is not None and old.content.data == words else words)
    return Pieces(
        replace(entry.item, sections=check_sections(sections, limits)),
        texts,
        [entry.modalities[place] for place in order],
        {new: entry.originals[place] for new, place in enumerate(order) if place in entry.originals},
    )


def _data(section: Section, *, field: FieldPath) -> bytes:
    text = None if section.content is None else section.content.data
    if not isinstance(text, str):
        raise InvalidInput("only a text has pieces", field=field)
    return text.encode()


def _cut(data: bytes, span: Span, *, field: FieldPath) -> str:
    """The bytes `span` of a text."""
    begin, end = span
    try:
        if not 0 <= begin < end <= len(data):
            raise ValueError
        return data[begin:end].decode()
    except ValueError:
        raise InvalidInput(
            f"bytes {begin} to {end} are no part of a text of {len(data)} bytes", field=field
        ) from None
