"""Sections as rows of a collection in Milvus, and rows as items again.

A row is a section, with what its item has beside it. Its key sorts by the item's id, then by the section's
place: a listing follows it.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tieback_contract.field_path import at
from tieback_contract.modality import Modality

from tieback.collections.grouping import short_texts
from tieback.collections.metadata import from_json, to_json
from tieback.collections.record import Record, packed, unpacked
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item, Section
from tieback.milvus import sortable
from tieback.milvus.filtering import facts_of
from tieback.milvus.words import section_words

MOST_BYTES = 65_535
"""Of a text, and of the facts of an item: what Milvus takes in a VARCHAR and a JSON field."""
BUCKETS = 1024
"""Rows are in so many parts of equal size by chance, of which samples are taken."""
LONGEST_KEY = 1100

Row = dict[str, Any]
BODY = ("text", "content", "body")
"""The fields that a hit and an item are made of."""
COUNTED = ("pk", "ordinal", "modality", "length", "language", "words", "body")
"""The fields that the collection's numbers are counted by."""


def item_key(item_id: str) -> str:
    """What the keys of an item's sections begin with."""
    return sortable.of_text(item_id)


def section_key(item: str, ordinal: int) -> str:
    """The key of a section; `item` is as `item_key` makes it."""
    return f"{item}.{ordinal:06}"  # a point sorts before every letter of keys


def after_item(pk: str) -> str:
    """A key after all sections of the item that a key is of, and before those of the next."""
    return f"{pk.partition('.')[0]}/"


def rows_of(records: Sequence[Record]) -> list[Row]:
    """The rows of records, in order."""
    texts = [text for record in records for text in record.texts]
    titles = [(record.item.title, one.title) for record in records for one in record.item.sections]
    words = iter(section_words(texts, titles))
    rows: list[Row] = []
    for record in records:
        item, key, metadata = record.item, item_key(record.item.id), to_json(record.item.metadata)
        numbers = short_texts([section.continues for section in item.sections])
        for ordinal, section in enumerate(item.sections):
            own = next(words)
            pk = section_key(key, ordinal)
            content = section.content.data if section.content is not None else None
            text = record.texts[ordinal]
            rows.append(
                {
                    "pk": pk,
                    "item": key,
                    "ordinal": ordinal,
                    "modality": record.modalities[ordinal].value,
                    "bucket": zlib.crc32(pk.encode()) % BUCKETS,
                    "short_text": ordinal if numbers is None else int(numbers[ordinal]),
                    "length": own.length,
                    "language": own.language,
                    "vector": record.vectors[ordinal],
                    "words": own.vector,
                    "facts": facts_of(item, ordinal, record.modalities[ordinal]),
                    "text": text,
                    "content": content if isinstance(content, str) and content != text else "",
                    "body": {
                        "item": item.id,
                        "item_title": item.title,
                        "metadata": metadata,
                        "section": section.id,
                        "title": section.title,
                        "uri": section.uri,
                        "span": section.span,
                        "continues": section.continues,
                        "segments": b64encode(packed(section.segments)).decode(),
                        "is_text": content is not None,
                        "own_text": content == text,
                        "bytes": record.bytes if ordinal == 0 else 0,
                    },
                }
            )
    return rows


def why_too_large(record: Record, rows: Sequence[Row], place: int) -> InvalidInput | None:
    """Why Milvus cannot keep an item with these rows, at a place of the request; None where it can."""
    field = at("items", place)
    if record.regions:
        return InvalidInput(
            "a collection in Milvus keeps one vector of a section: leave its regions out",
            field=field["sections"][min(record.regions)]["regions"],
        )
    for row in rows:
        size = max(len(row["text"].encode()), len(row["content"].encode()))
        if size > MOST_BYTES:
            return InvalidInput(
                f"{size} bytes of text; a section of a collection in Milvus has at most {MOST_BYTES}: split "
                "the text",
                field=field["sections"][row["ordinal"]]["text"],
            )
        size = max(len(json.dumps(row[name], ensure_ascii=False).encode()) for name in ("facts", "body"))
        if size > MOST_BYTES:
            return InvalidInput(
                f"titles and metadata take {size} bytes in Milvus, with what filters read; at most "
                f"{MOST_BYTES} are taken: shorten them",
                field=field["item"]["metadata"],
            )
    return None


def section_of(row: Mapping[str, Any]) -> Section:
    """The section of a row that has the fields `BODY`."""
    body = row["body"]
    text = row["text"] if body["own_text"] else row["content"]
    return Section(
        id=body["section"],
        content=Content(Modality.TEXT, text) if body["is_text"] else None,
        title=body["title"],
        uri=body["uri"],
        span=None if body["span"] is None else (body["span"][0], body["span"][1]),
        continues=body["continues"],
        segments=unpacked(b64decode(body["segments"])),
    )


def items_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Item]:
    """The items, by id, of rows in the order of their keys."""
    sections: dict[str, list[Section]] = {}
    firsts: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        body = row["body"]
        firsts.setdefault(body["item"], body)
        sections.setdefault(body["item"], []).append(section_of(row))
    return {
        name: Item(name, sections[name], body["item_title"], from_json(body["metadata"]))
        for name, body in firsts.items()
    }
