"""Records and their Arrow rows.

A collection's table is a log: a row per section, and every write of an item is a new version of it, appended
whole. The highest version of an item is the item; a row of ordinal -1 says that it was removed. Rows of older
versions are dropped by compaction. So an upsert of any number of items is one append, and atomic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from tieback_contract.arrays import Array, Span
from tieback_contract.modality import Modality

from tieback.collections.metadata import to_json
from tieback.collections.record import Original, Record, Regions, packed, unpacked
from tieback.core.types.content import Content, Section

REMOVED = -1

_ROWS_AT_ONCE, _BYTES_AT_ONCE = 16_384, 64 * 1024 * 1024  # that are read before they are taken over
_NUMBER = " " * 8  # a number, a truth value or a date counts eight bytes
_HALF, _SINGLE = np.dtype("<f2"), np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Put:
    """A version of an item."""

    version: int
    record: Record


@dataclass(frozen=True, slots=True)
class Remove:
    """The removal of an item, itself a version of it."""

    version: int
    item_id: str


Change = Put | Remove


def schema(width: int, metadata: dict[str, str]) -> Any:
    """The table's Arrow schema. `metadata` describes the collection and is kept by Lance."""
    fields = [
        pa.field("version", pa.int64(), nullable=False),
        pa.field("ordinal", pa.int32(), nullable=False),
        pa.field("sections", pa.int32(), nullable=False),  # how many the item has: tells when all were read
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("section_id", pa.string()),
        pa.field("modality", pa.string()),
        pa.field("text", pa.string()),  # the words to find the section by
        pa.field("is_text", pa.bool_()),  # whether the section's content is text
        pa.field("content", pa.string()),  # that text, where it is not the same as `text`
        pa.field("section_title", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("item_title", pa.string()),  # this and the metadata: on an item's first row only
        pa.field("metadata", pa.string()),
        pa.field("vector", pa.list_(pa.float32(), width)),
        pa.field("regions", pa.large_binary()),  # vectors, float16 `[regions, width]`, little-endian
        pa.field("boxes", pa.large_binary()),  # where the regions are, float32 `[regions, 4]`, little-endian
        pa.field("span_begin", pa.int64()),
        pa.field("span_end", pa.int64()),
        pa.field("original", pa.string()),
        pa.field("original_bytes", pa.int64()),
        pa.field("tokens", pa.large_binary()),  # stored rows of tokens, uint8 `[rows, row bytes]`
        pa.field("continues", pa.bool_()),  # whether the section and the one before are pieces of one text
        pa.field("segments", pa.large_binary()),  # where parts of `text` are: `index/store/records.py`
    ]
    return pa.schema(fields, metadata=metadata)


def to_rows(changes: Iterable[Change], table_schema: Any) -> Any:
    """The changes as one Arrow record batch."""
    rows: dict[str, list[Any]] = {name: [] for name in table_schema.names if name != "vector"}
    vectors: list[Array] = []
    width = table_schema.field("vector").type.list_size
    for change in changes:
        if isinstance(change, Remove):
            _append(rows, version=change.version, ordinal=REMOVED, sections=0, item_id=change.item_id)
            vectors.append(np.zeros((1, width), np.float32))
            continue
        record = change.record
        for ordinal, section in enumerate(record.item.sections):
            content = section.content.data if section.content is not None else None
            first = ordinal == 0
            regions = record.regions.get(ordinal)
            original = record.originals.get(ordinal)
            tokens = record.tokens.get(ordinal)
            _append(
                rows,
                version=change.version,
                ordinal=ordinal,
                sections=len(record.item.sections),
                item_id=record.item.id,
                section_id=section.id,
                modality=record.modalities[ordinal].value,
                text=record.texts[ordinal],
                is_text=content is not None,
                content=content if content != record.texts[ordinal] else None,
                section_title=section.title,
                uri=section.uri,
                span_begin=None if section.span is None else section.span[0],
                span_end=None if section.span is None else section.span[1],
                item_title=record.item.title if first else None,
                metadata=to_json(record.item.metadata) if first else None,
                regions=None if regions is None else regions.vectors.astype(_HALF).tobytes(),
                boxes=None if regions is None else regions.boxes.astype(_SINGLE).tobytes(),
                original=None if original is None else original.sha256,
                original_bytes=None if original is None else original.bytes,
                tokens=None if tokens is None else tokens.tobytes(),
                continues=section.continues,
                segments=packed(section.segments) if section.segments else None,
            )
        vectors.append(record.vectors)
    flat = pa.array(np.concatenate(vectors).reshape(-1)) if vectors else pa.array([], pa.float32())
    arrays = [
        pa.array(rows[name], table_schema.field(name).type)
        if name in rows
        else pa.FixedSizeListArray.from_arrays(flat, width)
        for name in table_schema.names
    ]
    return pa.record_batch(arrays, schema=table_schema)


@dataclass(frozen=True, slots=True)
class Versions:
    """What the rows of a table say of their items: `living` are the versions of living items, ascending.

    `stale` are the others, ascending.
    """

    living: Array
    stale: Array

    @property
    def last(self) -> int:
        """The highest one; 0 where there is none."""
        return int(max(self.living.max(initial=0), self.stale.max(initial=0)))


def newest_versions(batches: Iterable[Any]) -> Versions:
    """From rows of version, ordinal and item_id."""
    every = [batch for batch in batches if batch.num_rows]
    if not every:
        return Versions(np.zeros(0, np.int64), np.zeros(0, np.int64))
    rows = pa.Table.from_batches(every)
    versions, ordinals = (rows[name].to_numpy() for name in ("version", "ordinal"))
    ids = rows["item_id"].dictionary_encode().combine_chunks()
    items = ids.indices.to_numpy()
    newest = np.full(len(ids.dictionary), np.iinfo(np.int64).min)
    np.maximum.at(newest, items, versions)
    is_newest = versions == newest[items]
    removed = np.zeros(len(newest), bool)
    removed[items[is_newest & (ordinals == REMOVED)]] = True
    living, every_version = np.sort(newest[~removed]), np.sort(versions)
    stale = ~_among(every_version, living) & (np.diff(every_version, prepend=-1) != 0)
    return Versions(living, every_version[stale])


def _among(values: Array, ascending: Array) -> Array:
    """Which of the values are among others; several times as fast as NumPy's own, which sorts both."""
    places = np.searchsorted(ascending, values)
    return np.asarray(np.append(ascending, -1)[places] == values)


def from_rows(batches: Iterable[Any], living: Array) -> Iterator[Any]:
    """The rows of living items, some thousand at a time: each item's together, by ordinal.

    The rows of the table may be in any order. ValueError where rows of an item are missing.
    """
    waiting: list[Any] = []
    taken = 0
    for batch in batches:
        known = _among(batch["version"].to_numpy(), living)
        kept = batch if known.all() else batch.filter(pa.array(known))
        waiting += [kept] if kept.num_rows else []
        if _is_enough(waiting):
            whole, left = _whole_items(waiting)
            waiting = [left] if left.num_rows else []
            if whole.num_rows:
                taken += int(np.count_nonzero(whole["ordinal"].to_numpy() == 0))
                yield whole
    if waiting:
        whole, _ = _whole_items(waiting)
        taken += int(np.count_nonzero(whole["ordinal"].to_numpy() == 0))
        if whole.num_rows:
            yield whole
    if taken < len(living):
        raise ValueError(f"rows of {len(living) - taken} items are missing")


def _is_enough(batches: Sequence[Any]) -> bool:
    rows, size = (sum(getattr(one, name) for one in batches) for name in ("num_rows", "nbytes"))
    return bool(rows >= _ROWS_AT_ONCE or size >= _BYTES_AT_ONCE)


def _whole_items(batches: Sequence[Any]) -> tuple[Any, Any]:
    """The rows of the items of which all are there, in order; and the others."""
    (rows,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    versions, ordinals = rows["version"].to_numpy(), rows["ordinal"].to_numpy()
    order = np.lexsort((ordinals, versions))
    if (np.diff(order) < 0).any():
        rows, versions = rows.take(pa.array(order)), versions[order]
    begins = np.flatnonzero(np.diff(versions, prepend=-1))
    found = np.diff(np.append(begins, len(versions)))
    whole = np.repeat(found == rows["sections"].to_numpy()[begins], found)
    return (rows, rows[:0]) if whole.all() else (rows.filter(pa.array(whole)), rows.filter(pa.array(~whole)))


def _append(rows: dict[str, list[Any]], **values: Any) -> None:
    for name, column in rows.items():
        column.append(values.get(name))


def section_of(row: Mapping[str, Any]) -> Section:
    """The section of a row."""
    return Section(
        id=row["section_id"],
        content=_content(row),
        title=row["section_title"],
        uri=row["uri"],
        span=_span(row),
        continues=bool(row["continues"]),
        segments=() if row["segments"] is None else unpacked(row["segments"]),
    )


def original_of(row: Mapping[str, Any]) -> Original | None:
    """What the section of a row was encoded from, where it was kept."""
    return None if row["original"] is None else Original(row["original"], row["original_bytes"])


def regions_of(vectors: bytes, boxes: bytes, width: int) -> Regions:
    """The regions of a row, which has these bytes."""
    return Regions(
        np.frombuffer(vectors, _HALF).reshape(-1, width), np.frombuffer(boxes, _SINGLE).reshape(-1, 4)
    )


def _content(row: Mapping[str, Any]) -> Content | None:
    if not row["is_text"]:
        return None
    return Content(Modality.TEXT, row["text"] if row["content"] is None else row["content"])


def _span(row: Mapping[str, Any]) -> Span | None:
    return None if row["span_begin"] is None else (row["span_begin"], row["span_end"])
