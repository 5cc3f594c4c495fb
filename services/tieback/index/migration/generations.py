"""Generations: a collection's items with vectors of another space, made beside it until they take its place.

A generation is a table like any other, in a folder of its own. Each of its rows has the version of the item
that it was made of, so what was written or removed meanwhile is seen to be, and a generation that a killed
server left behind is gone on with. It is complete when every living item has its version there.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.collections.description import Description
from tieback.collections.quotas import KeyBudget
from tieback.collections.record import Record
from tieback.collections.validation import check_batch, check_space, check_vectors, check_width
from tieback.core.errors import InvalidInput, NotFound, TiebackError, Unavailable
from tieback.core.tenant import CollectionKey
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexState
from tieback.index.collection import OpenCollection
from tieback.index.memory.collection import Memory
from tieback.index.memory.kept_items import Entry
from tieback.index.migration.notes import MoveNotes
from tieback.index.migration.stored_items import COLUMNS, pieces_of, staying_records, stays, with_contents
from tieback.index.migration.target_vectors import SAMPLE, NextVectors
from tieback.index.ownership import OwnedCollections
from tieback.index.store.folder import Store
from tieback.index.store.originals import Originals
from tieback.index.store.table import Table
from tieback.index.vectors.codec_choice import codec_of
from tieback.index.vectors.training import Trainer
from tieback.index.writer import CollectionWriter
from tieback.ports import DEFAULT_ROUTING

_PAGE_ITEMS = 64
_PAGE_BYTES = 8 * 1024 * 1024

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Generations:
    """The generations of all collections. The caller lets one task begin, finish or discard at a time."""

    def __init__(
        self,
        store: Store,
        owned: OwnedCollections,
        originals: Originals,
        executor: Executor,
        limits: Limits,
        trainer: Trainer,
    ) -> None:
        self.made: dict[CollectionKey, OpenCollection] = {}
        self.notes = MoveNotes(store.generations_folder)
        self._store, self._owned, self._originals = store, owned, originals
        self._executor, self._limits, self._trainer = executor, limits, trainer

    def load(self) -> None:
        """Opens those that a server left behind. One that cannot be opened is made again: it is derived."""
        for key in self._store.generations():
            old = self._owned.sound.get(key)
            try:
                if old is None:
                    raise ValueError("its collection is not there, or is damaged")
                description, table = self._store.open_generation(key)
                made = OpenCollection.load(description, table, self._executor, old.sources)
            except Exception as error:  # noqa: BLE001 - whatever Lance says of damaged files
                _log.warning("what a reindex of %s had made is dropped: %s", key, error)
                self._store.remove_generation(key)
                continue
            self.made[key] = made
            # A version that a cut-short finish gave in the generation is not given again in the collection.
            old.writer.next_version = max(old.writer.next_version, made.writer.next_version)

    async def begin(
        self, old: OpenCollection, space: SpaceRef, width: int, tokens: TokenVectors | None
    ) -> ReindexState:
        """Makes a generation in that space, or goes on with it; one in another space is dropped.

        It keeps vectors of `tokens`, or none. InvalidInput where a codec does not go with a width.
        """
        check_space(space, field=at("space"))
        check_width(width)
        codec_of(width, old.description.codec)
        key = old.description.key
        made = self.made.get(key)
        description = _next_of(old.description, space, width, tokens)
        if made is not None and _vectors_of(made.description) != _vectors_of(description):
            await self.discard(key)
            made = None
        if made is None:
            made = self.made[key] = await self._in(lambda: self._make(description, old))
        return await self._in(lambda: _state(old.memory, made))

    async def in_order_of_use(self, old: OpenCollection) -> list[str]:
        """The ids of all items that the generation lacks: those that searches found most, then the newest.

        Where few are there, some of any are first: scores in both spaces are compared by them.
        """
        made = self._made(old)
        return await self._in(lambda: in_order_of_use(old.memory, made.memory))

    async def read(self, old: OpenCollection, ids: Sequence[str]) -> list[PendingItem]:
        """Those of these items that the generation lacks, with their contents."""
        made = self._made(old)

        def lacking() -> list[PendingItem]:
            chosen, owner = _lacking_of(old.memory, made.memory, ids), old.description.owner
            return [PendingItem(one.version, with_contents(one, owner, self._originals)) for one in chosen]

        return await self._in(lacking)

    async def pending(self, old: OpenCollection, after: str) -> list[PendingItem]:
        """The next items by id that the generation lacks, with their contents; empty at the end."""
        made = self._made(old)
        return await self._in(lambda: self._pending(old, made.memory, after))

    async def write(self, old: OpenCollection, items: Sequence[ReindexedItem]) -> list[TiebackError | None]:
        """Writes items into the generation, durably, but for those that changed meanwhile."""
        check_batch(len(items), self._limits, field=at("items"))
        made = self._made(old)
        records, versions, errors = await self._in(lambda: _records(old.memory, made, items, self._limits))
        if records:
            await self._write(made, records, versions)
        return errors

    async def keep(self, old: OpenCollection, ids: Sequence[str], modalities: Collection[Modality]) -> int:
        """Copies those of these items that the generation lacks and whose vectors stay; says how many.

        Those of contents of these modalities do. Tokens of texts stay where they are kept alike.
        """
        made = self._made(old)
        if made.description.token_vectors != old.description.token_vectors:
            modalities = frozenset(modalities) - {Modality.TEXT}
        if made.description.width != old.description.width or not modalities:
            return 0

        def staying() -> list[tuple[int, Record]]:
            chosen = [one for one in _lacking_of(old.memory, made.memory, ids) if stays(one, modalities)]
            rows = cast(Table, old.table).rows_of([one.version for one in chosen], COLUMNS)
            return staying_records(chosen, rows, old.description.width) if chosen else []

        with old.writer.pinned():
            kept = await self._in(staying)
        if kept:
            versions, records = zip(*kept, strict=True)
            await self._write(made, records, versions)
        return len(kept)

    async def _write(self, made: OpenCollection, records: Sequence[Record], versions: Sequence[int]) -> None:
        """Writes, durably, and has it searched by lists or by a codec where it is enough for that."""
        await made.writer.write(records=records, versions=versions)
        self._trainer.train(made.memory)

    async def finish(self, old: OpenCollection, dropped: Collection[str]) -> ReindexState:
        """Has the generation take the collection's place, where it lacks no item but those that are dropped.

        Else nothing changes, and the state says how many it lacks.
        """
        made = self._made(old)
        async with old.writer.held():
            lacking, extra = await self._in(lambda: _compared(old.memory, made.memory, frozenset(dropped)))
            if lacking:
                return _state(old.memory, made)
            made.writer.next_version = max(made.writer.next_version, old.writer.next_version)
            if extra:
                await made.writer.write(removals=extra)
            await made.writer.close()
            try:
                left = await self._in(lambda: self._take_place(old, made))
            except BaseException:
                self.made[old.description.key] = self._written_again(made)
                raise
            await old.writer.abandon(Unavailable("the collection was just encoded again; send it again"))
        if left is not None:
            await self._in(lambda: shutil.rmtree(left, ignore_errors=True))
        return ReindexState(made.description.space, made.memory.item_count, made.memory.item_count)

    async def discard(self, key: CollectionKey) -> None:
        """Drops the generation of a collection, if there is one, durably: it is then in one space."""
        await self._in(lambda: self.notes.remove(key))
        made = self.made.pop(key, None)
        if made is not None:
            old = self._owned.sound.get(key)
            if old is not None:
                await self._in(lambda: unlink(old, made))
            await made.writer.abandon()
        await self._in(lambda: self._store.remove_generation(key))

    def _made(self, old: OpenCollection) -> OpenCollection:
        made = self.made.get(old.description.key)
        if made is None:
            raise NotFound(
                "reindex", old.description.name, hint="it is finished, or was dropped: begin it again"
            )
        return made

    def _make(self, description: Description, old: OpenCollection) -> OpenCollection:
        self._store.remove_generation(description.key)
        table = self._store.create_generation(description)
        return OpenCollection.load(description, table, self._executor, old.sources)

    def _pending(self, old: OpenCollection, new: Memory, after: str) -> list[PendingItem]:
        chosen: list[Entry] = []
        size = 0
        with old.memory.lock.reading():
            for entry in _lacking(old.memory, new, after):
                size += entry.bytes
                if chosen and size > _PAGE_BYTES:
                    break
                chosen.append(entry)
                if len(chosen) == _PAGE_ITEMS:
                    break
        owner = old.description.owner
        return [PendingItem(entry.version, with_contents(entry, owner, self._originals)) for entry in chosen]

    def _written_again(self, made: OpenCollection) -> OpenCollection:
        """The generation with a writer, after its own was closed for nothing."""
        old, name = made.writer, str(made.description.key)
        table = cast(Table, made.table)
        writer = CollectionWriter(name, table, made.memory, self._executor, next_version=old.next_version)
        return replace(made, writer=writer)

    def _take_place(self, old: OpenCollection, made: OpenCollection) -> Path | None:
        """In a thread. Searches under way finish first; later ones find the new collection."""
        key = old.description.key
        with old.memory.lock.writing(), made.memory.lock.writing():
            description, table, left = self._store.take_place(key)
            memory = made.memory
            following = made.writer.next_version
            writer = CollectionWriter(str(key), table, memory, self._executor, next_version=following)
            keys = KeyBudget(memory.facts)
            new = OpenCollection(description, table, memory, following - 1, writer, old.sources, keys)
            self._owned.add(new)
            del self.made[key]
            old.memory.next, memory.guard = None, unguarded
        return left

    async def _in(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def link(old: OpenCollection, made: OpenCollection) -> None:
    """Has searches of a collection read what a generation has of it. Blocks."""
    following = NextVectors(made.memory, made.description.space)
    with old.memory.lock.writing():
        following.link(old.memory, made.memory.items.ids_after(""))
        old.memory.next = following
        made.memory.guard = following.guarded(old.memory)


def unlink(old: OpenCollection, made: OpenCollection) -> None:
    """Has searches of a collection read it alone. Blocks."""
    with old.memory.lock.writing():
        old.memory.next, made.memory.guard = None, unguarded


def unguarded(_: Sequence[str]) -> AbstractContextManager[None]:
    """The guard of what is in no search."""
    return nullcontext()


def _next_of(old: Description, space: SpaceRef, width: int, tokens: TokenVectors | None) -> Description:
    """What the collection will be. Weights are of the joint space, and mean nothing in another."""
    kept = replace(old, space=space, width=width, token_vectors=tokens)
    return kept if space.name == old.space.name else replace(kept, routing=DEFAULT_ROUTING)


def _vectors_of(known: Description) -> tuple[SpaceRef, int, TokenVectors | None]:
    """Which vectors a collection has."""
    return known.space, known.width, known.token_vectors


def _lacking(old: Memory, new: Memory, after: str = "") -> Iterator[Entry]:
    """The living items that a generation lacks or has in another version, by id; under the old one's lock."""
    for item_id in old.items.ids_after(after):
        if new.items.version_of(item_id) == old.items.version_of(item_id):
            continue
        if (entry := old.items.get(item_id)) is not None:
            yield entry


def _lacking_of(old: Memory, new: Memory, ids: Sequence[str]) -> list[Entry]:
    """Those of these items that live and that a generation lacks, or has in another version."""
    with old.lock.reading():
        found = [old.items.get(item_id) for item_id in ids]
        return [one for one in found if one and new.items.version_of(one.item.id) != one.version]


def in_order_of_use(old: Memory, new: Memory) -> list[str]:
    """See `Generations`."""
    with old.lock.reading():
        versions = {item_id: old.items.version_of(item_id) or 0 for item_id in old.items.ids_after("")}
        following = old.next
    lacking = [item_id for item_id, version in versions.items() if new.items.version_of(item_id) != version]
    uses = {} if following is None else dict(following.uses)
    first: list[str] = []
    if following is not None and following.count < SAMPLE:
        chosen = np.random.default_rng(0).permutation(len(lacking))[:SAMPLE]
        first = [lacking[place] for place in chosen.tolist()]
    is_first = set(first)
    others = [item_id for item_id in lacking if item_id not in is_first]
    others.sort(key=lambda item_id: (-uses.get(item_id, 0), -versions[item_id]))
    return first + others


def _state(old: Memory, made: OpenCollection) -> ReindexState:
    with old.lock.reading(), made.memory.lock.reading():
        total = old.item_count
        done = total - sum(1 for _ in _lacking(old, made.memory))
        split, added = _split_sections(old, made.memory)
    return ReindexState(made.description.space, total, done, split, added)


def _split_sections(old: Memory, new: Memory) -> tuple[int, int]:
    """How many sections became several, and how many more there are for that; under both locks.

    The first piece of a section has its id, and the others have ids that the item did not have.
    """
    split = added = 0
    for item_id in new.items.ids_after(""):
        before, entry = old.items.get(item_id), new.items.get(item_id)
        if before is None or entry is None or len(entry.item.sections) == len(before.item.sections):
            continue
        known = {section.id for section in before.item.sections}
        was_known = False
        for section in entry.item.sections:
            is_known = section.id in known
            split += was_known and not is_known
            added += not is_known
            was_known = is_known
    return split, added


def _compared(old: Memory, new: Memory, dropped: frozenset[str]) -> tuple[list[str], list[str]]:
    """The ids of items that the generation lacks, and of those that it should not have."""
    with old.lock.reading(), new.lock.reading():
        lacking = [entry.item.id for entry in _lacking(old, new)]
        outdated = [item_id for item_id in lacking if item_id in new.items]
        extra = [item_id for item_id in new.items.ids_after("") if item_id not in old.items]
    return [item_id for item_id in lacking if item_id not in dropped], [*extra, *outdated]


def _records(
    old: Memory, made: OpenCollection, items: Sequence[ReindexedItem], limits: Limits
) -> tuple[list[Record], list[int], list[TiebackError | None]]:
    """The records of items that are as they were, their versions, and an error for each that cannot be taken.

    Ids, texts, metadata, spans and originals are those of the old item; of a text that was split, its pieces
    take its place. The vectors are new, and so are the words of pictures and sounds where some are given.
    """
    new, kept = made.description, made.memory.tokens
    coding = None if kept is None else kept.coding
    records: list[Record] = []
    versions: list[int] = []
    errors: list[TiebackError | None] = [None] * len(items)
    for place, one in enumerate(items):
        with old.lock.reading():
            entry = old.items.get(one.id)
        if entry is None or entry.version != one.version:
            continue
        try:
            pieces = pieces_of(entry, one.pieces, limits)
            if len(one.sections) != len(pieces.texts):
                raise InvalidInput(
                    f"{len(one.sections)} vectors for {len(pieces.texts)} sections; give one each",
                    field="sections",
                )
            vectors, regions, tokens = check_vectors(one.sections, new.space, new.width, limits, coding)
        except InvalidInput as error:
            errors[place] = error.within(at("items", place))
            continue
        texts = [
            known.text if known.text and section.content is None else text
            for known, text, section in zip(one.sections, pieces.texts, pieces.item.sections, strict=True)
        ]
        records.append(
            Record(
                *(pieces.item, texts, pieces.modalities, vectors, regions, pieces.originals), tokens=tokens
            )
        )
        versions.append(entry.version)
    return records, versions, errors
