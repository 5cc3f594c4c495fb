"""The facts that filters read: of sections by their positions, of items by their places.

An item's title and metadata are kept once, however many sections it has. A field that nothing has any more
takes no memory. Ids of items have a column once a filter asks for them: all differ, so that it takes some
hundred bytes for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.metadata import Metadata, MetadataValue

from tieback.core.types.content import Item
from tieback.filters.columns import Column
from tieback.filters.fields import Kinds, kinds
from tieback.filters.syntax import BUILT_IN, Field

if TYPE_CHECKING:
    from tieback.index.memory.kept_items import KeptItems

ITEM_ID, SECTION_ID, SECTION_TITLE, MODALITY, TITLE = map(Field, BUILT_IN)


Repeated = tuple[Sequence[Any], Array]
"""Values, and for each of many things the place of its own among them."""


class ItemFacts(NamedTuple):
    """Items by what filters read of them: each one's id, its first section, its title and metadata."""

    ids: Sequence[str]
    begins: Array
    titles: Repeated
    metadata: Repeated


class SectionFacts(NamedTuple):
    """The sections of those items, in their order: where they are, their ids, titles and modalities."""

    positions: Array
    facts: tuple[Repeated, Repeated, Repeated]


class Facts:
    """Columns by field. Changed under the collection's lock for writing, read under that for reading."""

    def __init__(self, items: KeptItems) -> None:
        """Of items that are taken over there first, and forgotten there last."""
        self.keys = 0
        """Distinct keys of metadata."""
        self._items = items
        self._of_sections: dict[Field, Column] = {}
        self._of_items: dict[Field, Column] = {}
        self._ids: Column | None = None  # None until a filter asks for them

    def put(self, items: ItemFacts, sections: SectionFacts) -> None:
        """Takes over items that are not there, and their sections."""
        places = self._items.places_at(sections.positions[items.begins])
        every = np.arange(len(places))
        if self._ids is not None:
            self._ids.put(places, items.ids, every)
        self._fill(self._of_items, TITLE, places, *items.titles)
        for key, values, of_metadata in _by_key(items.metadata[0]):
            found = of_metadata[items.metadata[1]]
            has = found >= 0
            self._fill(self._of_items, Field(key, metadata=True), places[has], values, found[has])
        for field, facts in zip((SECTION_ID, SECTION_TITLE, MODALITY), sections.facts, strict=True):
            self._fill(self._of_sections, field, sections.positions, *facts)

    def remove(self, item: Item, positions: Array) -> None:
        """Forgets an item that was put, and its sections."""
        places = self._items.places_at(positions[:1])
        if self._ids is not None:
            self._ids.clear(int(places[0]))
        for field in (TITLE, *(Field(key, metadata=True) for key in item.metadata)):
            self._clear(self._of_items, field, places)
        for field in (SECTION_ID, SECTION_TITLE, MODALITY):
            self._clear(self._of_sections, field, positions)

    def column(self, field: Field) -> Column | None:
        """The field's values, of sections or of items; None where nothing has it."""
        if field == ITEM_ID:
            return self._column_of_ids()
        return self._of_sections.get(field) or self._of_items.get(field)

    def held(self, field: Field) -> Kinds:
        """What a field holds that not every item has; nothing where nothing has it."""
        column = self._of_sections.get(field) or self._of_items.get(field)
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
        column = self._column_of_ids() if field == ITEM_ID else self._of_items.get(field)
        if column is None:
            return np.zeros(size, bool)
        passing = answer(column, self._items.place_count)
        return np.asarray(passing.take(self._items.places(size), mode="clip"))  # the fastest of numpy's ways

    def has_key(self, key: str) -> bool:
        """Whether some item has this key in its metadata."""
        return Field(key, metadata=True) in self._of_items

    def _column_of_ids(self) -> Column:
        """The items' ids, from now on. Two readers may both make it, and make the same."""
        if (column := self._ids) is None:
            column = Column()
            ids, places = self._items.ids_and_places()
            column.put(places, ids, np.arange(len(ids)))
            self._ids = column
        return column

    def _fill(
        self,
        columns: dict[Field, Column],
        field: Field,
        positions: Array,
        values: Sequence[MetadataValue],
        places: Array,
    ) -> None:
        """Sets positions that hold nothing; see `Column.put`."""
        column = columns.get(field)
        if column is None:
            column = columns[field] = Column()
            self.keys += field.metadata
        column.put(positions, values, places)
        if not column.count:
            del columns[field]
            self.keys -= field.metadata

    def _clear(self, columns: dict[Field, Column], field: Field, positions: Array) -> None:
        if (column := columns.get(field)) is None:
            return
        for position in positions.tolist():
            column.clear(position)
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
