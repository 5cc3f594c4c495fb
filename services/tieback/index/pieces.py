"""A stored item with its longer texts in pieces, as a reindex splits them for a new space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tieback_contract.arrays import Span
from tieback_contract.field_path import FieldPath, at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput
from tieback.core.types.collection import ReindexedPiece
from tieback.core.types.content import Content, Item, Section
from tieback.index.entries import Entry
from tieback.index.records import Original
from tieback.index.validation import check_sections


@dataclass(frozen=True, slots=True)
class Pieces:
    """An item as it will be, with the words of its sections, their modalities, and originals by place."""

    item: Item
    texts: Sequence[str]
    modalities: Sequence[Modality]
    originals: Mapping[int, Original]


def pieces_of(entry: Entry, pieces: Sequence[ReindexedPiece], limits: Limits) -> Pieces:
    """The item in these pieces; as it is, without any.

    Words that were given for a text beside its own are those of each of its pieces. InvalidInput where a
    piece is no part of a section's text, a section has none, or two have one id.
    """
    if not pieces:
        return Pieces(entry.item, entry.texts, entry.modalities, entry.originals)
    order = [piece.section for piece in pieces]
    if order != sorted(order) or set(order) != set(range(len(entry.texts))):
        raise InvalidInput(
            f"the pieces are of the {len(entry.texts)} sections in order, at least one of each",
            field="pieces",
        )
    sections: list[Section] = []
    texts: list[str] = []
    data: dict[int, bytes] = {}
    for place, piece in enumerate(pieces):
        old, words = entry.item.sections[piece.section], entry.texts[piece.section]
        if piece.span is None:
            sections.append(old)
            texts.append(words)
            continue
        if piece.section not in data:
            data = {piece.section: _data(old, field=at("pieces", place, "section"))}
        text = _cut(data[piece.section], piece.span, field=at("pieces", place, "span"))
        first = 0 if old.span is None else old.span[0]
        span = first + piece.span[0], first + piece.span[1]
        goes_on = old.continues or (place > 0 and order[place - 1] == piece.section)
        content = Content(Modality.TEXT, text)
        sections.append(replace(old, id=piece.id, content=content, span=span, continues=goes_on))
        texts.append(text if old.content is not None and old.content.data == words else words)
    return Pieces(
        replace(entry.item, sections=check_sections(sections, limits)),
        texts,
        [entry.modalities[place] for place in order],
        {new: entry.originals[place] for new, place in enumerate(order) if place in entry.originals},
    )


def _data(section: Section, *, field: FieldPath) -> bytes:
    text = None if section.content is None else section.content.data
    if not isinstance(text, str):
        raise InvalidInput("only a text has pieces", field=field)
    return text.encode()


def _cut(data: bytes, span: Span, *, field: FieldPath) -> str:
    """The bytes `span` of a text."""
    begin, end = span
    try:
        if not 0 <= begin < end <= len(data):
            raise ValueError
        return data[begin:end].decode()
    except ValueError:
        raise InvalidInput(
            f"bytes {begin} to {end} are no part of a text of {len(data)} bytes", field=field
        ) from None
