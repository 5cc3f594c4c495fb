"""The facts that filters read: of sections by their positions, of items by places of their own.

An item's title and metadata are kept once, however many sections it has. A field that nothing has any more
takes no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Item, Modality
from tieback.core.types.metadata import MetadataValue
from tieback.index.columns import Column
from tieback.index.filters.fields import Kinds, kinds
from tieback.index.filters.syntax import BUILT_IN, Field

ITEM_ID, SECTION_ID, SECTION_TITLE, MODALITY, TITLE = map(Field, BUILT_IN)


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

    def put(self, item: Item, modalities: Sequence[Modality], positions: Array) -> None:
        """Takes over an item whose sections are at these positions."""
        place = self._free.pop() if self._free else self._used
        self._used = max(self._used, place + 1)
        highest = int(positions.max())
        if highest >= len(self._places):
            self._places = np.concatenate((self._places, np.zeros(max(highest + 1, 256), np.intp)))
        self._places[positions] = place
        self._fill(self._of_items, place, _item_facts(item))
        for ordinal, position in enumerate(positions.tolist()):
            self._fill(self._of_sections, position, _section_facts(item, modalities, ordinal))

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
