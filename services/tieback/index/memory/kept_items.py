"""The living items of a collection: by id, and by the positions of their sections.

An item has a place, reused after it is gone; what is known of it is in arrays by place, and the rest is in
its rows (`index/memory/kept_rows.py`), of which it is made when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.collections.grouping import short_texts
from tieback.collections.metadata import from_json
from tieback.collections.record import Original
from tieback.core.room import grown
from tieback.core.types.content import Item
from tieback.index.memory.item_rows import ItemRows
from tieback.index.memory.kept_rows import KeptRows
from tieback.index.store.records import original_of, section_of


@dataclass(frozen=True, slots=True)
class Entry:
    """A living item; `positions` are those of its sections, in order."""

    version: int
    item: Item
    texts: Sequence[str]
    modalities: Sequence[Modality]
    positions: Array
    bytes: int
    originals: Mapping[int, Original]


class KeptItems:
    """Items by id. Changed under the collection's lock for writing, read under it."""

    def __init__(self) -> None:
        self.bytes = 0
        """Of all items, see `Record.bytes`."""
        self._rows = KeptRows()
        self._by_id: dict[str, int] = {}  # the item's place
        self._sorted: list[str] | None = []  # the ids in order; None where they have to be sorted again
        self._gone: set[str] = set()  # ids that are among the sorted ones and of no item
        self._free: list[int] = []
        # By place:
        self._ids: list[str] = []
        self._versions, self._first_rows, self._bytes = (np.zeros(0, np.int64) for _ in range(3))
        self._sizes, self._first_positions = np.zeros(0, np.int32), np.zeros(0, np.int64)
        self._scattered: dict[int, Array] = {}  # positions of items whose positions are not neighbours
        self._short_texts: dict[int, Array] = {}  # see `index/memory/copies.py`
        # By position, of living sections:
        self._places, self._ordinals = np.zeros(0, np.int32), np.zeros(0, np.int32)

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._by_id

    def add(self, items: ItemRows, positions: Array) -> None:
        """Takes over items that are not there; `positions` `[s]` are those of their sections."""
        places, sizes = self._new_places(len(items)), items.sizes
        if not self._gone.issuperset(items.ids):
            self._sorted = None
        self._gone.difference_update(items.ids)
        self._by_id.update(zip(items.ids, places.tolist(), strict=True))
        for place, item_id in zip(places.tolist(), items.ids, strict=True):
            self._ids[place] = item_id
        self._versions[places], self._sizes[places] = items.versions, sizes
        self._first_rows[places] = self._rows.append(items.rows) + items.begins
        self._bytes[places] = taken = items.bytes()
        self.bytes += int(taken.sum())
        size = int(positions.max()) + 1
        self._places, self._ordinals = (grown(one, size, 0) for one in (self._places, self._ordinals))
        self._places[positions] = np.repeat(places, sizes)
        self._ordinals[positions] = np.arange(len(positions)) - np.repeat(items.begins, sizes)
        self._note_positions(places, positions, items)

    def remove(self, ids: Sequence[str]) -> Iterator[Entry]:
        """Forgets items that are there, each as it is asked for."""
        sections = 0
        for item_id in ids:
            place = self._by_id[item_id]
            entry = self._entry(place)
            yield entry
            del self._by_id[item_id]
            self._gone.add(item_id)
            self.bytes -= entry.bytes
            self._free.append(place)
            self._scattered.pop(place, None)
            self._short_texts.pop(place, None)
            sections += len(entry.positions)
        if self._rows.drop(sections):
            self._repack()

    def get(self, item_id: str) -> Entry | None:
        """An item with all that is known of it, or None."""
        place = self._by_id.get(item_id)
        return None if place is None else self._entry(place)

    def head(self, item_id: str) -> Item | None:
        """An item without its sections, or None."""
        place = self._by_id.get(item_id)
        if place is None:
            return None
        row = self._rows.row(int(self._first_rows[place]))
        return Item(item_id, [], row["item_title"], from_json(row["metadata"]))

    def bytes_of(self, item_id: str) -> int:
        """Bytes of an item; 0 where there is none."""
        place = self._by_id.get(item_id)
        return 0 if place is None else int(self._bytes[place])

    def version_of(self, item_id: str) -> int | None:
        """The version of an item, or None."""
        place = self._by_id.get(item_id)
        return None if place is None else int(self._versions[place])

    def ids_after(self, after: str) -> Sequence[str]:
        """The ids that follow, in order."""
        ids = self._sorted
        if ids is None or self._gone:
            ids = self._sorted = sorted(self._by_id)  # two readers may both do this, and get the same
            self._gone = set()
        return ids[bisect_right(ids, after) :]

    def ids_at(self, positions: Array) -> list[str]:
        """The ids of the items of sections, each once."""
        return [self._ids[place] for place in set(self._places[positions].tolist())]

    def positions_of(self, item_id: str) -> Array:
        """Where the sections of an item are, in order."""
        return self._positions_of(self._by_id[item_id])

    @property
    def place_count(self) -> int:
        """One above the highest place of an item that ever was."""
        return len(self._ids)

    def places(self, size: int) -> Array:
        """The places `[size]` of the items of the sections at the first positions."""
        return self._places[:size]

    def places_at(self, positions: Array) -> Array:
        """The places of the items of sections."""
        return np.asarray(self._places[positions])

    def ids_and_places(self) -> tuple[list[str], Array]:
        """The ids of all items, and the place of each."""
        return list(self._by_id), np.fromiter(self._by_id.values(), np.int64, len(self._by_id))

    def owner(self, position: int) -> tuple[str, int]:
        """The id of a section's item, and the section's ordinal."""
        return self._ids[self._places[position]], int(self._ordinals[position])

    def beside(self, position: int) -> Array:
        """Where all sections of a section's item are, in order."""
        return self._positions_of(int(self._places[position]))

    def short_text_of(self, position: int) -> int:
        """The ordinal of the first piece of the short text that a section is of; else its own."""
        texts = self._short_texts.get(int(self._places[position]))
        ordinal = int(self._ordinals[position])
        return ordinal if texts is None else int(texts[ordinal])

    def row(self, position: int) -> dict[str, Any]:
        """The row of a section, but for what only an item's first row has."""
        return self._rows.row(int(self._first_rows[self._places[position]] + self._ordinals[position]))

    def value(self, name: str, position: int) -> Any:
        """One column of a section's row."""
        row = int(self._first_rows[self._places[position]] + self._ordinals[position])
        return self._rows.value(name, row)

    def of_item(self, name: str, position: int) -> Any:
        """What a section's item has in its first row: `item_title` or `metadata`."""
        return self._rows.value(name, int(self._first_rows[self._places[position]]))

    def _note_positions(self, places: Array, positions: Array, items: ItemRows) -> None:
        """Also which of the sections are pieces of one text."""
        begins, ends = items.begins, items.begins + items.sizes
        self._first_positions[places] = positions[begins]
        apart = np.append(0, np.cumsum(np.diff(positions) != 1))  # grows where two are no neighbours
        for item in np.flatnonzero(apart[begins] != apart[ends - 1]).tolist():
            self._scattered[int(places[item])] = positions[begins[item] : ends[item]].copy()
        goes_on = items.continuing()
        for item in np.flatnonzero(np.logical_or.reduceat(goes_on, begins)).tolist():
            short = short_texts(goes_on[begins[item] : ends[item]].tolist())
            if short is not None:
                self._short_texts[int(places[item])] = short

    def _repack(self) -> None:
        """Frees the rows of items that are gone."""
        places = np.fromiter(self._by_id.values(), np.int64, len(self._by_id))
        places = places[np.argsort(self._first_rows[places])]
        sizes = self._sizes[places].astype(np.int64)
        begins = np.cumsum(sizes) - sizes
        self._rows.keep(np.arange(sizes.sum()) + np.repeat(self._first_rows[places] - begins, sizes))
        self._first_rows[places] = begins

    def _new_places(self, count: int) -> Array:
        reused = [self._free.pop() for _ in range(min(count, len(self._free)))]
        first = len(self._ids)
        self._ids += [""] * (count - len(reused))
        size = len(self._ids)
        self._versions, self._first_rows, self._bytes, self._sizes, self._first_positions = (
            grown(one, size, 0)
            for one in (self._versions, self._first_rows, self._bytes, self._sizes, self._first_positions)
        )
        return np.array([*reused, *range(first, size)], np.int64)

    def _positions_of(self, place: int) -> Array:
        scattered = self._scattered.get(place)
        first = int(self._first_positions[place])
        return np.arange(first, first + int(self._sizes[place])) if scattered is None else scattered

    def _entry(self, place: int) -> Entry:
        first = int(self._first_rows[place])
        rows = [self._rows.row(first + ordinal) for ordinal in range(int(self._sizes[place]))]
        sections, metadata = [section_of(row) for row in rows], from_json(rows[0]["metadata"])
        originals = {ordinal: original_of(row) for ordinal, row in enumerate(rows)}
        return Entry(
            int(self._versions[place]),
            Item(self._ids[place], sections, rows[0]["item_title"], metadata),
            [row["text"] for row in rows],
            [Modality(row["modality"]) for row in rows],
            self._positions_of(place),
            int(self._bytes[place]),
            {ordinal: one for ordinal, one in originals.items() if one is not None},
        )
