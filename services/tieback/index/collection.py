"""What belongs to one collection: what can be read of it, and who writes to it."""

from __future__ import annotations

import logging
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tieback_contract.collections import Source
from tieback_contract.vectors import SpaceRef

from tieback.collections.description import Description
from tieback.collections.quotas import KeyBudget
from tieback.collections.sources import Sources
from tieback.collections.token_coding import TokenCoding
from tieback.core.errors import Damaged, StorageFull
from tieback.core.tenant import CollectionKey
from tieback.core.types.collection import StoredCollection
from tieback.index.memory.collection import Memory
from tieback.index.store.folder import Store
from tieback.index.store.reading import TableReader
from tieback.index.store.records import from_rows, newest_versions
from tieback.index.store.table import Table
from tieback.index.vectors.codec_choice import vectors_of
from tieback.index.vectors.token_rows import TokenRows
from tieback.index.writer import CollectionWriter


@dataclass(frozen=True, slots=True)
class ReadCollection:
    """A collection on disk and in memory. `last` is the highest version of a row."""

    description: Description
    table: TableReader
    memory: Memory
    last: int

    @classmethod
    def read(cls, description: Description, table: TableReader) -> ReadCollection:
        """Reads the table into memory. Lance's errors pass, and ValueError, where it is damaged."""
        kept = description.token_vectors
        memory = Memory(
            description.width,
            wholes=vectors_of(description.width, description.codec, table.folder),
            tokens=None if kept is None else TokenRows(TokenCoding(kept), table.folder),
        )
        found = newest_versions(table.scan(["version", "ordinal", "item_id"]))
        for rows in from_rows(table.scan(), found.living):
            memory.reserve(rows)
            memory.apply_rows(rows)
        memory.stale.extend(found.stale.tolist())
        return cls(description, table, memory, found.last)

    def describe(self, damage: str = "") -> StoredCollection:
        """The collection as it stands."""
        known = self.description
        kept = known.token_vectors
        if kept is not None:
            kept = replace(kept, stored_bytes=self.memory.token_bytes)
        return StoredCollection(
            name=known.name,
            space=known.space,
            width=known.width,
            item_count=self.memory.item_count,
            section_count=self.memory.section_count,
            created=datetime.fromtimestamp(known.created, UTC),
            routing=known.routing,
            vector_count=self.memory.vector_count,
            damage=damage,
            codec=known.codec,
            resident_bytes=self.memory.resident_bytes,
            codec_trained_on=self.memory.codec_trained_on,
            token_vectors=kept,
        )


@dataclass(frozen=True, slots=True)
class OpenCollection(ReadCollection):
    """A sound collection, with its writer and the sources of its items."""

    writer: CollectionWriter
    sources: Sources
    keys: KeyBudget

    @classmethod
    def load(
        cls, description: Description, table: Table, executor: Executor, sources: Sources
    ) -> OpenCollection:
        """See `ReadCollection.read`."""
        read = ReadCollection.read(description, table)
        writer = CollectionWriter(
            str(description.key), table, read.memory, executor, next_version=read.last + 1
        )
        return cls(description, table, read.memory, read.last, writer, sources, KeyBudget(read.memory.facts))

    def describe(self, damage: str = "") -> StoredCollection:
        """The collection as it stands."""
        return replace(ReadCollection.describe(self, damage), plan=self.sources.plan)

    def list_sources(self) -> list[Source]:
        """Its sources by name, with the numbers of their items."""
        return [self.counted(source) for source in self.sources.all()]

    def counted(self, source: Source) -> Source:
        """The source with the number of its items."""
        return replace(source, item_count=self.memory.indexed_from[source.name])


@dataclass(frozen=True, slots=True)
class DamagedCollection:
    """A collection whose files are damaged. Nothing writes to it; `content` is what can still be read.

    Where nothing can be, not even what its space is, the description's space is empty and its width 0.
    """

    description: Description
    why: str
    content: ReadCollection | None

    def readable(self) -> ReadCollection:
        """What can still be read. Damaged where that is nothing."""
        if self.content is None:
            raise Damaged(f"the collection {self.description.name!r} cannot be read: {self.why}")
        return self.content

    def refusal(self) -> Damaged:
        """The error of a write."""
        return Damaged(f"the collection {self.description.name!r} cannot be written: {self.why}")

    def describe(self) -> StoredCollection:
        """The collection as it stands."""
        if self.content is not None:
            return self.content.describe(f"{self.why}. What is left of it can be read")
        known = self.description
        damage = f"{self.why}. Nothing of it can be read"
        return StoredCollection(
            known.name,
            known.space,
            known.width,
            0,
            0,
            datetime.fromtimestamp(known.created, UTC),
            damage=damage,
        )


_RESTORE = (
    "its files are damaged or missing; restore it from a backup and start the server again, or delete it and "
    "index its items again"
)
_FULL = (
    "the disk is full, and the rows that its codec has on disk have to be made again; free space and start "
    "the server again"
)

_log = logging.getLogger(__name__)


def load(store: Store, key: CollectionKey, executor: Executor) -> OpenCollection | DamagedCollection:
    """The collection as it was last acknowledged, or what is left of it."""
    try:
        description, table = store.open(key)
        return OpenCollection.load(description, table, executor, store.sources(key))
    except Exception as error:  # noqa: BLE001 - whatever Lance says of damaged files: the others must open
        _log.error(
            "the collection %s is damaged and is kept apart: it is not written, and read as far as it can be "
            "(%s: %s)",
            *(key, type(error).__name__, error),
        )
        return _remains(store, key, _FULL if isinstance(error, StorageFull) else _RESTORE)


def _remains(store: Store, key: CollectionKey, why: str) -> DamagedCollection:
    known = Description(key, SpaceRef("", "", ""), 0, 0.0)
    for description, table in store.remains(key):
        known = description if not known.width else known
        try:
            content = ReadCollection.read(description, table)
            if content.last:  # not the empty table that it once was
                return DamagedCollection(description, why, content)
        except Exception as error:  # noqa: BLE001 - see above; an older version may still be read
            _log.debug("a version of the collection %s cannot be read: %s", key, error)
    return DamagedCollection(known, why, None)
