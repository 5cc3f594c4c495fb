"""A collection in memory: what search reads. Rebuilt from the table at start, changed after each commit.

Every section has a position, reused after it is gone: the same in the vectors, the columns and the mask of
the living. It costs about 4 bytes per dimension, its text, and some 500 bytes; each of its parts 2 bytes per
dimension.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tieback.core.types import INDEXED_FROM, Array, Box, Hit, Item, Modality
from tieback.index.columns import Column, Value
from tieback.index.filters import BUILT_IN, Field, Filter, evaluate
from tieback.index.growing import FLAT_UP_TO, GrowingVectors
from tieback.index.nearest import nearest, scores_of
from tieback.index.part_vectors import PartVectors
from tieback.index.readwrite import ReadWriteLock
from tieback.index.records import Change, Put, Record
from tieback.index.vectors import Vectors

_ITEM_ID, _SECTION_ID, _SECTION_TITLE, _MODALITY, _TITLE = map(Field, BUILT_IN)


@dataclass(frozen=True, slots=True)
class Entry:
    """A living item; `positions` are those of its sections, in order."""

    version: int
    item: Item
    texts: Sequence[str]
    modalities: Sequence[Modality]
    positions: Array
    bytes: int


class Memory:
    """All of a collection but what full text needs.

    Every method but `apply` and `train` is for a thread that holds `lock` for reading; those two take it for
    writing themselves.
    """

    def __init__(self, width: int, *, flat_up_to: int = FLAT_UP_TO) -> None:
        self.lock = ReadWriteLock()
        self.width = width
        self.bytes = 0  # of the living items, see `Record.bytes`
        self.stale: list[int] = []  # versions whose rows compaction may drop
        self.parts = PartVectors(width, flat_up_to)
        self.indexed_from: Counter[str] = Counter()  # living items by the source that their metadata names
        self._wholes = GrowingVectors(width, flat_up_to)
        self._items: dict[str, Entry] = {}
        self._versions: dict[int, Entry] = {}
        self._owners: list[tuple[Entry, int] | None] = []  # by position: entry and ordinal
        self._living = np.zeros(0, bool)
        self._free: list[int] = []
        self._columns: dict[Field, Column] = {}
        self._ids: list[str] | None = []  # the items' ids in order; None where they have to be sorted again

    @property
    def vectors(self) -> Vectors:
        """The sections' own vectors, by position; those of their parts are in `parts`."""
        return self._wholes.current

    @property
    def item_count(self) -> int:
        """Living items."""
        return len(self._items)

    @property
    def section_count(self) -> int:
        """Living sections."""
        return len(self._owners) - len(self._free)

    @property
    def vector_count(self) -> int:
        """Vectors of living sections and of their parts."""
        return self.section_count + self.parts.count

    def apply(self, changes: Iterable[Change]) -> int:
        """Takes over committed changes, in order; returns how many items were removed by a removal."""
        removed = 0
        with self.lock.writing():
            for change in changes:
                if isinstance(change, Put):
                    known = self._drop(change.record.item.id)
                    self._add(change)
                    self._ids = self._ids if known else None
                else:
                    known = self._drop(change.item_id)
                    self.stale.append(change.version)
                    self._ids = None if known else self._ids
                    removed += known
        return removed

    def has(self, item_id: str) -> bool:
        """Whether the item lives."""
        return item_id in self._items

    def bytes_of(self, item_id: str) -> int:
        """Bytes of the item; 0 where there is none."""
        entry = self._items.get(item_id)
        return entry.bytes if entry else 0

    def item(self, item_id: str) -> Item | None:
        """The item, or None."""
        entry = self._items.get(item_id)
        return entry.item if entry else None

    def page(self, after: str, size: int, tree: Filter | None) -> list[Item]:
        """The next items by id, at most `size`; with a filter, those of which a section passes."""
        passing = None if tree is None else self.allowed(tree)
        ids = self._sorted_ids()
        page: list[Item] = []
        for place in range(bisect_right(ids, after), len(ids)):
            entry = self._items[ids[place]]
            if passing is None or passing[entry.positions].any():
                page.append(entry.item)
                if len(page) == size:
                    break
        return page

    def ids_indexed_from(self, source: str) -> list[str]:
        """The ids of the items of a source."""
        return [id for id, entry in self._items.items() if _source_of(entry.item) == source]

    def allowed(self, tree: Filter | None) -> Array:
        """The mask of living sections that pass the filter."""
        living = self._living[: len(self._owners)]
        return living.copy() if tree is None else living & evaluate(tree, self._columns, len(living))

    def of_modality(self, modality: Modality) -> Array:
        """The mask of living sections of a modality."""
        size = len(self._owners)
        return self._living[:size] & self._column(_MODALITY).equal(modality.value, size)

    def position(self, version: int, ordinal: int) -> int | None:
        """Where a row of the table lives, or None where it is stale."""
        entry = self._versions.get(version)
        return int(entry.positions[ordinal]) if entry and 0 <= ordinal < len(entry.positions) else None

    def order_key(self, position: int) -> tuple[str, int]:
        """Breaks ties between equal scores: the item's id and the section's ordinal."""
        entry, ordinal = self._owner(position)
        return entry.item.id, ordinal

    def nearest(self, query: Array, limit: int, allowed: Array) -> tuple[Array, Array]:
        """The best positions of a mask and their scores by `query`, best first."""
        return nearest(self._wholes, self.parts, query, limit, allowed)

    def scores(self, positions: Array, query: Array) -> Array:
        """The scores by `query` of sections that live at these positions."""
        return scores_of(self._wholes, self.parts, positions, query)

    def hit(
        self,
        position: int,
        score: float,
        vector_score: float | None,
        text_score: float | None,
        part: Box | None = None,
    ) -> Hit:
        """A found section as it is answered."""
        entry, ordinal = self._owner(position)
        section = entry.item.sections[ordinal]
        return Hit(
            item_id=entry.item.id,
            item_title=entry.item.title,
            section_id=section.id,
            section_title=section.title,
            modality=entry.modalities[ordinal],
            text=entry.texts[ordinal],
            uri=section.uri,
            metadata=entry.item.metadata,
            score=score,
            vector_score=vector_score,
            text_score=text_score,
            part=part,
        )

    def wants_training(self) -> bool:
        """Whether the vectors have outgrown exact search, or the lists they were sorted into."""
        return self._wholes.wants_training(self.section_count) or self.parts.wants_training()

    def train(self) -> None:
        """Builds inverted files beside the searches and swaps them in. Seconds; one at a time."""
        self._wholes.train(self.lock, lambda: self._living[: len(self._owners)])
        self.parts.train(self.lock)

    def _add(self, put: Put) -> None:
        record = put.record
        positions = np.array([self._position() for _ in record.texts], np.int64)
        entry = Entry(put.version, record.item, _shared(record), record.modalities, positions, record.bytes)
        self.bytes += entry.bytes
        self._items[record.item.id] = self._versions[put.version] = entry
        self.indexed_from[_source_of(entry.item)] += 1
        for ordinal, position in enumerate(positions):
            self._owners[position] = (entry, ordinal)
            self._fill(int(position), _fields(entry, ordinal))
        self._living[positions] = True
        self._wholes.put(positions, record.vectors)
        for ordinal, parts in record.parts.items():
            self.parts.put(int(positions[ordinal]), parts)

    def _drop(self, item_id: str) -> bool:
        entry = self._items.pop(item_id, None)
        if entry is None:
            return False
        del self._versions[entry.version]
        self.bytes -= entry.bytes
        self._forget_source(_source_of(entry.item))
        self.stale.append(entry.version)
        self._living[entry.positions] = False
        self._wholes.remove(entry.positions)
        for ordinal, position in enumerate(entry.positions):
            self._owners[position] = None
            self.parts.remove(int(position))
            self._fill(int(position), dict.fromkeys(_fields(entry, ordinal)))
        self._free.extend(entry.positions.tolist())
        return True

    def _forget_source(self, name: str) -> None:
        self.indexed_from[name] -= 1
        if not self.indexed_from[name]:
            del self.indexed_from[name]

    def _position(self) -> int:
        if self._free:
            return self._free.pop()
        self._owners.append(None)
        if len(self._owners) > len(self._living):
            self._living = np.concatenate((self._living, np.zeros(max(len(self._living), 256), bool)))
        return len(self._owners) - 1

    def _fill(self, position: int, fields: Mapping[Field, Value | None]) -> None:
        for field, value in fields.items():
            self._column(field).put(position, value)

    def _column(self, field: Field) -> Column:
        column = self._columns.get(field)
        if column is None:
            column = self._columns[field] = Column()
        return column

    def _owner(self, position: int) -> tuple[Entry, int]:
        owner = self._owners[position]
        if owner is None:
            raise LookupError(f"no section lives at {position}")
        return owner

    def _sorted_ids(self) -> list[str]:
        if self._ids is None:
            self._ids = sorted(self._items)  # two readers may both do this, and get the same
        return self._ids


def _fields(entry: Entry, ordinal: int) -> dict[Field, Value]:
    item = entry.item
    values: dict[Field, Value] = {
        _ITEM_ID: item.id,
        _SECTION_ID: item.sections[ordinal].id,
        _SECTION_TITLE: item.sections[ordinal].title,
        _MODALITY: entry.modalities[ordinal].value,
        _TITLE: item.title,
    }
    values.update((Field(key, metadata=True), value) for key, value in item.metadata.items())
    return values


def _source_of(item: Item) -> str:
    return str(item.metadata.get(INDEXED_FROM, ""))


def _shared(record: Record) -> list[str]:
    """The texts, each the same object as the section's own content where they are equal: kept once."""
    shared = []
    for text, section in zip(record.texts, record.item.sections, strict=True):
        own = section.content.data if section.content else None
        shared.append(own if isinstance(own, str) and own == text else text)
    return shared
