"""The facts that filters read: of sections by their positions, of items by places of their own.

An item's title and metadata are kept once, however many sections it has. A field that nothing has any more
takes no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Item, Modality
from tieback.core.types.metadata import Metadata, MetadataValue
from tieback.index.columns import Column
from tieback.index.filters.fields import Kinds, kinds
from tieback.index.filters.syntax import BUILT_IN, Field
from tieback.index.room import grown

ITEM_ID, SECTION_ID, SECTION_TITLE, MODALITY, TITLE = map(Field, BUILT_IN)


Repeated = tuple[Sequence[Any], Array]
"""Values, and for each of many things the place of its own among them."""


class ItemFacts(NamedTuple):
    """Items by what filters read of them: each one's id, its number of sections, its title and metadata."""

    ids: Sequence[str]
    sizes: Array
    titles: Repeated
    metadata: Repeated


class SectionFacts(NamedTuple):
    """The sections of those items, in their order: where they are, their ids, titles and modalities."""

    positions: Array
    facts: tuple[Repeated, Repeated, Repeated]


class Facts:
    """Columns by field. Changed under the collection's lock for writing, read under that for reading."""

    def __init__(self) -> None:
        self.keys = 0
        """Distinct keys of metadata."""
        self._of_sections: dict[Field, Column] = {}
        self._of_items: dict[Field, Column] = {}
        self._places = np.zeros(0, np.intp)  # by position: the place of the section's item
        self._used = 0
        self._free: list[int] = []

    def put(self, items: ItemFacts, sections: SectionFacts) -> None:
        """Takes over items that are not there, and their sections."""
        count = len(items.sizes)
        places = np.array([self._free.pop() for _ in range(min(count, len(self._free)))], np.intp)
        new = count - len(places)
        places = np.concatenate((places, np.arange(self._used, self._used + new)))
        self._used += new
        self._places = grown(self._places, int(sections.positions.max()) + 1, 0)
        self._places[sections.positions] = np.repeat(places, items.sizes)
        every = np.arange(count)
        self._fill_many(self._of_items, ITEM_ID, places, items.ids, every)
        self._fill_many(self._of_items, TITLE, places, *items.titles)
        for key, values, of_metadata in _by_key(items.metadata[0]):
            found = of_metadata[items.metadata[1]]
            has = found >= 0
            self._fill_many(self._of_items, Field(key, metadata=True), places[has], values, found[has])
        for field, facts in zip((SECTION_ID, SECTION_TITLE, MODALITY), sections.facts, strict=True):
            self._fill_many(self._of_sections, field, sections.positions, *facts)

    def remove(self, item: Item, modalities: Sequence[Modality], positions: Array) -> None:
        """Forgets an item that was put."""
        place = int(self._places[positions[0]])
        self._fill(self._of_items, place, dict.fromkeys(_item_facts(item)))
        for ordinal, position in enumerate(positions.tolist()):
            nothing = dict.fromkeys(_section_facts(item, modalities, ordinal))
            self._fill(self._of_sections, position, nothing)
        self._free.append(place)

    def column(self, field: Field) -> Column | None:
        """The field's values, of sections or of items; None where nothing has it."""
        return self._of_sections.get(field) or self._of_items.get(field)

    def held(self, field: Field) -> Kinds:
        """What a field holds; nothing where nothing has it."""
        column = self.column(field)
        return () if column is None else kinds(column.kinds)

    def kinds(self) -> dict[Field, Kinds]:
        """What the fields hold that something has."""
        return {
            field: kinds(column.kinds)
            for columns in (self._of_sections, self._of_items)
            for field, column in columns.items()
        }

    def mask(self, field: Field, answer: Callable[[Column, int], Array], size: int) -> Array:
        """Which of the first `size` positions pass, as `answer` says of the field's column and its size."""
        if field in self._of_sections:
            return answer(self._of_sections[field], size)
        if field in self._of_items:
            passing = answer(self._of_items[field], self._used)
            return np.asarray(passing.take(self._places[:size], mode="clip"))  # the fastest of numpy's ways
        return np.zeros(size, bool)

    def has_key(self, key: str) -> bool:
        """Whether some item has this key in its metadata."""
        return Field(key, metadata=True) in self._of_items

    def _fill_many(
        self,
        columns: dict[Field, Column],
        field: Field,
        positions: Array,
        values: Sequence[MetadataValue],
        places: Array,
    ) -> None:
        """Sets positions that hold nothing; see `Column.put_many`."""
        column = columns.get(field)
        if column is None:
            column = columns[field] = Column()
            self.keys += field.metadata
        column.put_many(positions, values, places)
        if not column.count:
            del columns[field]
            self.keys -= field.metadata

    def _fill(
        self, columns: dict[Field, Column], position: int, facts: Mapping[Field, MetadataValue | None]
    ) -> None:
        for field, value in facts.items():
            column = columns.get(field)
            if column is None:
                if value is None:
                    continue
                column = columns[field] = Column()
                self.keys += field.metadata
            column.put(position, value)
            if not column.count:
                del columns[field]
                self.keys -= field.metadata


def _by_key(metadata: Sequence[Metadata]) -> Iterator[tuple[str, list[MetadataValue], Array]]:
    """Each key with its values, and for each metadata the place of its own among them, or -1."""
    found: dict[str, tuple[list[int], list[MetadataValue]]] = {}
    for place, one in enumerate(metadata):
        for key, value in one.items():
            having, values = found.setdefault(key, ([], []))
            having.append(place)
            values.append(value)
    for key, (having, values) in found.items():
        places = np.full(len(metadata), -1, np.int64)
        places[having] = np.arange(len(having))
        yield key, values, places


def _item_facts(item: Item) -> dict[Field, MetadataValue | None]:
    facts: dict[Field, MetadataValue | None] = {ITEM_ID: item.id, TITLE: item.title}
    facts.update((Field(key, metadata=True), value) for key, value in item.metadata.items())
    return facts


def _section_facts(
    item: Item, modalities: Sequence[Modality], ordinal: int
) -> dict[Field, MetadataValue | None]:
    section = item.sections[ordinal]
    return {
        SECTION_ID: section.id,
        SECTION_TITLE: section.title,
        MODALITY: modalities[ordinal].value,
    }
