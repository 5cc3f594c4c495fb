"""Rows of a table read as items, many at once: what is needed to take them into memory.

Rows of one item stand together, by ordinal, and those of later changes come later. Everything here is done
without the collection's lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tieback_contract.arrays import Array
from tieback_contract.metadata import Metadata

from tieback.collections.metadata import from_json, scalars
from tieback.collections.record import Regions
from tieback.collections.sources import source_of
from tieback.collections.words import AnalysedSections, analysed_sections
from tieback.index.memory.facts import ItemFacts, Repeated, SectionFacts
from tieback.index.memory.kept_rows import lengths_of
from tieback.index.store.records import REMOVED, regions_of

_VALUE_BYTES = 8  # of a number, a truth value or a date, as a quota counts
_TEXTS = ("text", "section_id", "section_title", "uri", "content", "item_title")
_STORED_ARRAYS = ("regions", "boxes", "tokens", "segments")


@dataclass(frozen=True)
class ItemRows:
    """Items `[i]` and their sections `[s]`: `rows` are those of the sections, and `begins` `[i]` the first
    of each item's.

    `gone` are the ids of items that are removed or written; `stale` are versions that are no item's.
    """

    rows: Any
    begins: Array
    ids: Sequence[str]
    gone: Sequence[str]
    stale: Sequence[int]

    @classmethod
    def of(cls, rows: Any) -> ItemRows:
        """The last change of each item in a record batch."""
        ordinals, versions = rows["ordinal"].to_numpy(), rows["version"].to_numpy()
        begins = np.flatnonzero(ordinals <= 0)
        ids = rows["item_id"].take(pa.array(begins)).to_pylist()
        is_put = ordinals[begins] != REMOVED
        last = {item_id: number for number, item_id in enumerate(ids)}
        if is_put.all() and len(last) == len(ids):
            return cls(rows, begins, ids, ids, ())
        is_last = np.zeros(len(ids), bool)
        is_last[list(last.values())] = True
        kept = is_put & is_last
        sizes = np.diff(np.append(begins, len(ordinals)))
        stale = versions[begins[~kept]].tolist()
        return cls(
            rows.filter(pa.array(np.repeat(kept, sizes))),
            np.cumsum(sizes[kept]) - sizes[kept],
            [item_id for item_id, one in zip(ids, kept.tolist(), strict=True) if one],
            list(last),
            stale,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def versions(self) -> Array:
        """By item."""
        return np.asarray(self.rows["version"].to_numpy()[self.begins])

    @property
    def sizes(self) -> Array:
        """By item, how many sections it has."""
        return np.diff(np.append(self.begins, self.rows.num_rows))

    @property
    def vectors(self) -> Array:
        """By section, `[s, width]`, float32."""
        column = self.rows["vector"]
        flat = column.flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat.reshape(-1, column.type.list_size))

    @cached_property
    def metadata(self) -> tuple[list[Metadata], Array]:
        """The different metadata of items, and by item the place of its own among them."""
        texts, places = _repeated(self._of_items("metadata"))
        return [from_json(text) for text in texts], places

    def item_facts(self) -> ItemFacts:
        """What filters read of the items."""
        return ItemFacts(self.ids, self.begins, _repeated(self._of_items("item_title")), self.metadata)

    def section_facts(self, positions: Array) -> SectionFacts:
        """What filters read of the sections, which are at these positions."""
        ids, titles, modalities = (
            _repeated(self.rows[name]) for name in ("section_id", "section_title", "modality")
        )
        return SectionFacts(positions, (ids, titles, modalities))

    def words(self) -> list[AnalysedSections]:
        """The sections as full text reads them."""
        titles, of_items = _repeated(self._of_items("item_title"))
        own, of_sections = _repeated(self.rows["section_title"])
        of_items = np.repeat(of_items, self.sizes)
        both = zip(of_items.tolist(), of_sections.tolist(), strict=True)
        return analysed_sections(
            self.rows["text"].to_pylist(), [(titles[one], own[other]) for one, other in both]
        )

    def bytes(self) -> Array:
        """By item, what a quota counts: see `Record.bytes`."""
        column = self.rows["vector"]
        sizes = np.full(self.rows.num_rows, column.type.list_size * column.type.value_type.bit_width // 8)
        for name in (*_TEXTS, *_STORED_ARRAYS):
            sizes += lengths_of(self.rows[name])
        sizes += pc.fill_null(self.rows["original_bytes"], 0).to_numpy(zero_copy_only=False)
        sizes[self.begins] += lengths_of(self._of_items("item_id"))
        known, places = self.metadata
        sizes[self.begins] += np.array([_metadata_bytes(one) for one in known], np.int64)[places]
        return np.add.reduceat(sizes, self.begins)

    def sources(self) -> Counter[str]:
        """How many items are of each source."""
        known, places = self.metadata
        found: Counter[str] = Counter()
        for one, number in zip(known, np.bincount(places).tolist(), strict=True):
            found[source_of(one)] += number
        return found

    def originals(self) -> list[str]:
        """The names of the originals that the sections refer to."""
        return list(self.rows["original"].drop_null().to_pylist())

    def regions(self) -> Iterator[tuple[int, Regions]]:
        """The sections that have regions, and these."""
        vectors, boxes = self.rows["regions"], self.rows["boxes"]
        width = self.rows["vector"].type.list_size
        for place in np.flatnonzero(vectors.is_valid().to_numpy(zero_copy_only=False)).tolist():
            yield place, regions_of(vectors[place].as_py(), boxes[place].as_py(), width)

    def tokens(self, row_bytes: int) -> Iterator[tuple[int, Array]]:
        """The sections that have rows of tokens, and these, uint8 `[rows, row_bytes]`."""
        column = self.rows["tokens"]
        for place in np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False)).tolist():
            yield place, np.frombuffer(column[place].as_py(), np.uint8).reshape(-1, row_bytes)

    def continuing(self) -> Array:
        """By section, whether it continues the one before."""
        return np.asarray(pc.fill_null(self.rows["continues"], False).to_numpy(zero_copy_only=False))

    def _of_items(self, name: str) -> Any:
        """A column of the items' first rows."""
        return self.rows[name].take(pa.array(self.begins))


def _metadata_bytes(metadata: Metadata) -> int:
    values = (one for value in metadata.values() for one in scalars(value))
    found = sum(len(one.encode()) if isinstance(one, str) else _VALUE_BYTES for one in values)
    return found + sum(len(key.encode()) for key in metadata)


def _repeated(column: Any) -> Repeated:
    encoded = column.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
