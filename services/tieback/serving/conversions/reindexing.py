"""Reindexing: pending items, new vectors, how far it is."""

from __future__ import annotations

from tieback.core.field_path import FieldPath
from tieback.core.types.collection import IndexedSection
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexedPiece, ReindexState
from tieback.serving.conversions.contents import read_item, write_item
from tieback.serving.conversions.searches import read_indexed_section, write_indexed_section
from tieback.serving.conversions.vectors import read_space, write_space, write_span
from tieback.v1 import index_pb2


def read_state(message: index_pb2.ReindexState) -> ReindexState:
    """How far a reindexing is."""
    return ReindexState(
        read_space(message.space),
        message.total,
        message.done,
        message.split_sections,
        message.added_sections,
    )


def write_state(state: ReindexState) -> index_pb2.ReindexState:
    """The message of how far a reindexing is."""
    return index_pb2.ReindexState(
        space=write_space(state.space),
        total=state.total,
        done=state.done,
        split_sections=state.split_sections,
        added_sections=state.added_sections,
    )


def read_pending(message: index_pb2.PendingItem, field: FieldPath) -> PendingItem:
    """An item to encode again; sections whose original is not kept have no content."""
    return PendingItem(message.version, read_item(message.item, field["item"], contents=False))


def write_pending(pending: PendingItem) -> index_pb2.PendingItem:
    """The message of an item to encode again."""
    return index_pb2.PendingItem(version=pending.version, item=write_item(pending.item))


def read_reindexed(message: index_pb2.ReindexedItem, field: FieldPath) -> ReindexedItem:
    """New vectors of an item."""
    sections: list[IndexedSection] = [
        read_indexed_section(section, field["sections"][index])
        for index, section in enumerate(message.sections)
    ]
    pieces = [
        ReindexedPiece(
            piece.section,
            piece.id,
            (piece.span.begin_byte, piece.span.end_byte) if piece.HasField("span") else None,
        )
        for piece in message.pieces
    ]
    return ReindexedItem(message.id, message.version, sections, pieces)


def write_reindexed(item: ReindexedItem) -> index_pb2.ReindexedItem:
    """The message of an item's new vectors."""
    return index_pb2.ReindexedItem(
        id=item.id,
        version=item.version,
        sections=[write_indexed_section(section) for section in item.sections],
        pieces=[
            index_pb2.ReindexedPiece(
                section=piece.section,
                id=piece.id,
                span=None if piece.span is None else write_span(piece.span),
            )
            for piece in item.pieces
        ],
    )
