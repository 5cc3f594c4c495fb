"""Items whose vectors stay the same where a collection moves to another space.

Of a joint space in which one component was replaced, only the vectors of contents that this component encodes
change. The others are copied as they are, from the collection's table: memory may hold them coded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from tieback_contract.modality import Modality
from tieback_contract.recognition import SegmentKind

from tieback.core.types.content import Section
from tieback.index.entries import Entry
from tieback.index.memory import Memory
from tieback.index.records import Record, regions_of

COLUMNS = ("version", "ordinal", "vector", "regions", "boxes", "tokens")
"""What is copied of a table's rows; the rest is known of the item."""


def stays(entry: Entry, modalities: Collection[Modality]) -> bool:
    """Whether the vectors of all sections are made of contents of these modalities alone.

    A photo's or a sound's may be made of the words in it, too. A text without its text came as a vector, and
    nothing says what that was made of.
    """
    return all(
        _is_of(section, modality, modalities)
        for section, modality in zip(entry.item.sections, entry.modalities, strict=True)
    )


def _is_of(section: Section, modality: Modality, modalities: Collection[Modality]) -> bool:
    if modality not in modalities or (modality is Modality.TEXT and section.content is None):
        return False
    has_words = any(segment.kind is not SegmentKind.LABEL for segment in section.segments)
    return not has_words or Modality.TEXT in modalities


def count_staying(memory: Memory, modalities: Collection[Modality]) -> tuple[int, int]:
    """How many living items have vectors that stay, and their sections. It takes the lock."""
    if not modalities:
        return 0, 0
    with memory.lock.reading():
        ids = memory.ids_after("")
    items = sections = 0
    for item_id in ids:
        with memory.lock.reading():
            entry = memory.entry(item_id)
        if entry is not None and stays(entry, modalities):
            items, sections = items + 1, sections + len(entry.texts)
    return items, sections


def staying_records(entries: Sequence[Entry], batches: Iterable[Any], width: int) -> list[tuple[int, Record]]:
    """The versions and records of these items, with the vectors that `batches` of their table's rows have.

    An item of which rows are missing, since it was written again meanwhile, is left out.
    """
    rows: dict[int, dict[int, dict[str, Any]]] = {entry.version: {} for entry in entries}
    for batch in batches:
        vectors = batch["vector"].flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        kept = batch.select([name for name in COLUMNS if name != "vector"]).to_pylist()
        for row, vector in zip(kept, vectors, strict=True):
            if (known := rows.get(row["version"])) is not None:
                known[row["ordinal"]] = row | {"vector": np.array(vector, np.float32)}
    found = []
    for entry in entries:
        own = rows[entry.version]
        if sorted(own) != list(range(len(entry.texts))):
            continue
        record = Record(
            *(entry.item, entry.texts, entry.modalities),
            np.stack([own[place]["vector"] for place in range(len(own))]),
            {
                place: regions_of(row["regions"], row["boxes"], width)
                for place, row in own.items()
                if row["regions"] is not None
            },
            entry.originals,
            tokens={
                place: np.frombuffer(row["tokens"], np.uint8).reshape(1, -1)
                for place, row in own.items()
                if row["tokens"] is not None
            },
        )
        found.append((entry.version, record))
    return found
