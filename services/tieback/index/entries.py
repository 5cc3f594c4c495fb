"""A living item in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieback.core.types.arrays import Array
from tieback.core.types.content import Item, Modality
from tieback.core.types.metadata import INDEXED_FROM
from tieback.index.collapsing import short_texts
from tieback.index.records import Original, Put, Record


@dataclass(frozen=True, slots=True)
class Entry:
    """A living item; `positions` are those of its sections, in order.

    `short_texts` says which sections belong together (`collapsing.py`); None where none do.
    """

    version: int
    item: Item
    texts: Sequence[str]
    modalities: Sequence[Modality]
    positions: Array
    bytes: int
    originals: Mapping[int, Original]
    short_texts: Array | None

    @classmethod
    def of(cls, put: Put, positions: Array) -> Entry:
        """The item that was put, with its sections at these positions."""
        record = put.record
        return cls(
            *(put.version, record.item, _shared(record), record.modalities, positions, record.bytes),
            record.originals,
            short_texts(record.item.sections),
        )

    @property
    def continuing(self) -> int:
        """How many of its sections go on with the text of the one before."""
        return 0 if self.short_texts is None else sum(one.continues for one in self.item.sections)

    @property
    def source(self) -> str:
        """The source that its metadata names; empty for none."""
        return str(self.item.metadata.get(INDEXED_FROM, ""))


def _shared(record: Record) -> list[str]:
    """The texts, each the same object as the section's own content where they are equal: kept once."""
    shared = []
    for text, section in zip(record.texts, record.item.sections, strict=True):
        own = section.content.data if section.content else None
        shared.append(own if isinstance(own, str) and own == text else text)
    return shared
