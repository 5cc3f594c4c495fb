"""From documents to messages of the contract. `InvalidArgument` names the field before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from tieback.v1 import content_pb2, index_pb2, vector_pb2
from tieback_contract.field_path import FieldPath
from tieback_contract.modality import Modality

from tieback_client.errors import InvalidArgument
from tieback_client.messages.facts import metadata
from tieback_client.messages.writing import MODALITIES, content, multi_vector, vector
from tieback_client.messages.writing_generation import segment
from tieback_client.values.content import Text, content_of, modality_of, text
from tieback_client.values.documents import Item, Section


def item(value: Item, field: FieldPath) -> content_pb2.Item:
    """A document to ingest; vectors are the server's to make."""
    if not isinstance(value, Item):
        raise InvalidArgument.at(field, f"an item is an Item, not {type(value).__name__}")
    parts = []
    for number, one in enumerate(sections(value)):
        place = field["sections"][number]
        for name, given in (("vector", one.vector), ("regions", one.regions), ("tokens", one.tokens)):
            if given is not None:
                raise InvalidArgument.at(
                    place[name], "ingest makes the vectors itself; to write your own, use upsert"
                )
        parts.append(_section(one, place, with_content=True))
    return _item(value, parts, field)


def indexed_item(value: Item, field: FieldPath) -> index_pb2.IndexedItem:
    """A document whose sections bring their vectors."""
    parts, known = [], []
    for number, one in enumerate(sections(value)):
        place = field["sections"][number]
        if one.vector is None:
            raise InvalidArgument.at(
                place["vector"], "upsert takes a vector with each section; to have it made, use ingest"
            )
        parts.append(_section(one, place, with_content=False))
        modality = one.modality or _modality(one, place)
        known.append(
            index_pb2.IndexedSection(
                vector=vector(one.vector, place["vector"]),
                text=text(one.search_text, place["search_text"]),
                modality=MODALITIES[modality],
                regions=multi_vector(one.regions, place["regions"]) if one.regions is not None else None,
                tokens=multi_vector(one.tokens, place["tokens"]) if one.tokens is not None else None,
            )
        )
    return index_pb2.IndexedItem(item=_item(value, parts, field), sections=known)


def sections(value: Item) -> list[Section]:
    """An item's sections, a single plain content included."""
    listed = value.sections
    if isinstance(listed, str | Section) or not isinstance(listed, Sequence):
        listed = [listed]
    return [one if isinstance(one, Section) else Section(one) for one in listed]


def _item(value: Item, parts: list[content_pb2.Section], field: FieldPath) -> content_pb2.Item:
    return content_pb2.Item(
        id=text(value.id, field["id"]),
        title=text(value.title, field["title"]),
        sections=parts,
        metadata=metadata(value.metadata, field["metadata"]),
    )


def _section(one: Section, place: FieldPath, *, with_content: bool) -> content_pb2.Section:
    """A section; of an upsert only texts are carried, since bytes of pictures and sounds are not kept."""
    carried = None
    if one.content is not None and (with_content or isinstance(one.content, str | Text)):
        carried = content(one.content, place["content"])
    elif with_content:
        raise InvalidArgument.at(place["content"], "a section to ingest has a content")
    return content_pb2.Section(
        id=text(one.id, place["id"]),
        title=text(one.title, place["title"]),
        content=carried,
        uri=one.uri,
        span=None if one.span is None else _span(one.span, place["span"]),
        continues=one.continues,
        segments=[segment(part, place["segments"][number]) for number, part in enumerate(one.segments)],
    )


def _span(value: tuple[int, int], field: FieldPath) -> vector_pb2.TextSpan:
    begin, end = value
    if not 0 <= begin <= end < 2**32:
        raise InvalidArgument.at(field, f"a span is two numbers of bytes, the smaller first, not {value}")
    return vector_pb2.TextSpan(begin_byte=begin, end_byte=end)


def _modality(one: Section, place: FieldPath) -> Modality:
    modality = None if one.content is None else modality_of(content_of(one.content, place["content"]))
    if modality is None:
        raise InvalidArgument.at(place["modality"], "say which modality the vector is of: modality=")
    return modality
