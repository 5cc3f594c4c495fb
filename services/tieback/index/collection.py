"""What belongs to one open collection."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace

from tieback.core.types import Collection, Source
from tieback.index.memory import Memory
from tieback.index.records import from_rows, newest_versions
from tieback.index.sources import Sources
from tieback.index.store import Description
from tieback.index.table import Table
from tieback.index.writer import Writer


@dataclass(frozen=True, slots=True)
class OpenCollection:
    """A collection on disk and in memory, with its writer."""

    description: Description
    table: Table
    memory: Memory
    writer: Writer
    sources: Sources

    @classmethod
    def load(
        cls, description: Description, table: Table, executor: Executor, sources: Sources
    ) -> OpenCollection:
        """Reads the table into memory. Lance's errors pass, and ValueError, where it is damaged."""
        memory = Memory(description.width)
        living, stale = newest_versions(table.scan(["version", "ordinal", "item_id"]))
        memory.apply(from_rows(table.scan(), living))
        memory.stale.extend(stale)
        last = max([*living.values(), *stale], default=0)
        writer = Writer(description.name, table, memory, executor, next_version=last + 1)
        return cls(description, table, memory, writer, sources)

    def describe(self) -> Collection:
        """The collection as it stands."""
        known = self.description
        return Collection(
            name=known.name,
            space=known.space,
            width=known.width,
            item_count=self.memory.item_count,
            section_count=self.memory.section_count,
            created=known.created,
            routing=known.routing,
            vector_count=self.memory.vector_count,
        )

    def list_sources(self) -> list[Source]:
        """Its sources by name, with the numbers of their items."""
        return [self.counted(source) for source in self.sources.all()]

    def counted(self, source: Source) -> Source:
        """The source with the number of its items."""
        return replace(source, item_count=self.memory.indexed_from[source.name])
