"""Indexed items and hits."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tieback.core.field_path import FieldPath, at
from tieback.core.types.arrays import Span
from tieback.core.types.collection import IndexedItem
from tieback.core.types.search import FoundPiece, Hit, Reached, SameText, SearchReply, StageScores
from tieback.core.types.vectors import MultiVector
from tieback.serving.conversions.contents import (
    read_item,
    read_modality,
    write_item,
    write_modality,
)
from tieback.serving.conversions.frames import each, optional
from tieback.serving.conversions.highlights import read_highlight, write_highlight
from tieback.serving.conversions.indexed_sections import read_indexed_section, write_indexed_section
from tieback.serving.conversions.metadata import read_metadata, write_metadata
from tieback.serving.conversions.moves import read_following, read_how, write_following, write_how
from tieback.serving.conversions.recognition import segment_messages, segments_of
from tieback.serving.conversions.reports import (
    MICROSECONDS,
    microseconds,
    read_method,
    read_timing,
    write_method,
    write_timing,
)
from tieback.serving.conversions.vectors import (
    read_box,
    read_multi_vector,
    read_vector,
    write_box,
    write_multi_vector,
    write_span,
    write_vector,
)
from tieback.v1 import index_pb2, vector_pb2


def read_indexed_item(message: index_pb2.IndexedItem, field: FieldPath) -> IndexedItem:
    """An item with its vectors; its contents may be left out where the sections' texts suffice."""
    return IndexedItem(
        read_item(message.item, field["item"], contents=False),
        each(message.sections, read_indexed_section, field["sections"]),
        optional(message, "following", read_following, field),
    )


def write_indexed_item(item: IndexedItem) -> index_pb2.IndexedItem:
    """The message of an item with its vectors."""
    return index_pb2.IndexedItem(
        item=write_item(item.item),
        sections=[write_indexed_section(section) for section in item.sections],
        following=None if item.following is None else write_following(item.following),
    )


def read_hit(message: index_pb2.Hit) -> Hit:
    """A section that was found."""
    return Hit(
        item_id=message.item_id,
        item_title=message.item_title,
        section_id=message.section_id,
        section_title=message.section_title,
        modality=read_modality(message.modality, at("hits", "modality")),
        text=message.text,
        uri=message.uri,
        metadata=read_metadata(message.metadata, at("hits", "metadata")),
        score=message.score,
        vector_score=message.vector_score if message.HasField("vector_score") else None,
        text_score=message.text_score if message.HasField("text_score") else None,
        words_matched=message.words_matched if message.HasField("words_matched") else None,
        region=optional(message, "region", read_box, at("hits")),
        span=_read_span(message),
        pieces=[_read_piece(one) for one in message.pieces],
        multi_vector=optional(message, "multi_vector", read_multi_vector, at("hits")),
        vector=optional(message, "vector", read_vector, at("hits")),
        sections=[read_hit(one) for one in message.sections],
        signals=dict(message.signals),
        highlights=[read_highlight(one) for one in message.highlights],
        segments=segments_of(message.segments, message.text, at("hits", "segments")),
        read_in=read_how(message.read_in),
        own_score=message.own_score if message.HasField("own_score") else None,
        trust=message.trust if message.HasField("trust") else None,
        also_in=[SameText(one.item_id, one.item_title, one.section_id, one.uri) for one in message.also_in],
    )


def write_hit(hit: Hit) -> index_pb2.Hit:
    """The message of a hit."""
    return index_pb2.Hit(
        item_id=hit.item_id,
        item_title=hit.item_title,
        section_id=hit.section_id,
        section_title=hit.section_title,
        modality=write_modality(hit.modality),
        text=hit.text,
        uri=hit.uri,
        metadata=write_metadata(hit.metadata),
        score=hit.score,
        vector_score=hit.vector_score,
        text_score=hit.text_score,
        words_matched=hit.words_matched,
        region=None if hit.region is None else write_box(hit.region),
        span=None if hit.span is None else write_span(hit.span),
        pieces=[_write_piece(one) for one in hit.pieces],
        sections=[write_hit(one) for one in hit.sections],
        multi_vector=None if hit.multi_vector is None else _write_halved(hit.multi_vector),
        vector=None if hit.vector is None else write_vector(hit.vector),
        signals=hit.signals,
        highlights=[write_highlight(one) for one in hit.highlights],
        segments=segment_messages(hit.segments),
        read_in=write_how(hit.read_in),
        own_score=hit.own_score,
        trust=hit.trust,
        also_in=[index_pb2.SameText(**one._asdict()) for one in hit.also_in],
    )


def read_stage_scores(message: index_pb2.StageScores) -> StageScores:
    """What a step made of the hits."""
    return StageScores(
        message.stage,
        list(message.hits),
        list(message.scores),
        list(message.normalised),
        list(message.ranks),
        list(message.kept),
        list(message.reasons),
    )


def write_stage_scores(one: StageScores) -> index_pb2.StageScores:
    """The message of what a step made of the hits."""
    return index_pb2.StageScores(
        stage=one.stage,
        hits=one.hits,
        scores=one.scores,
        normalised=one.normalised,
        ranks=one.ranks,
        kept=one.kept,
        reasons=one.reasons,
    )


def _write_halved(multi: MultiVector) -> vector_pb2.MultiVector:
    """The message of a multi-vector in half precision, which is what is stored, or more than that."""
    halved = np.asarray(multi.values, np.float16)
    return write_multi_vector(dataclasses.replace(multi, values=halved))


def _read_piece(message: index_pb2.FoundPiece) -> FoundPiece:
    return FoundPiece(
        section_id=message.section_id,
        text=message.text,
        score=message.score,
        span=_read_span(message),
        vector_score=message.vector_score if message.HasField("vector_score") else None,
        words_matched=message.words_matched if message.HasField("words_matched") else None,
        relevance=message.relevance if message.HasField("relevance") else None,
        below_floor=message.below_floor,
    )


def _write_piece(piece: FoundPiece) -> index_pb2.FoundPiece:
    return index_pb2.FoundPiece(
        section_id=piece.section_id,
        text=piece.text,
        score=piece.score,
        span=None if piece.span is None else write_span(piece.span),
        vector_score=piece.vector_score,
        words_matched=piece.words_matched,
        relevance=piece.relevance,
        below_floor=piece.below_floor,
    )


def _read_span(message: index_pb2.Hit | index_pb2.FoundPiece) -> Span | None:
    return (message.span.begin_byte, message.span.end_byte) if message.HasField("span") else None


def read_search_reply(message: index_pb2.SearchResponse) -> SearchReply:
    """The nearest sections."""
    hits = [read_hit(hit) for hit in message.hits]
    return SearchReply(
        hits,
        read_timing(message.timing),
        message.expanded,
        _read_reached(message) if message.HasField("vector_search") else None,
        [read_stage_scores(one) for one in message.steps],
    )


def _read_reached(message: index_pb2.SearchResponse) -> Reached:
    chosen = read_method(message.vector_search)
    seconds = message.expected_us / MICROSECONDS if message.HasField("expected_us") else None
    return Reached(chosen.parameters.get("breadth", math.inf), message.expected_recall, seconds)


def write_search_reply(reply: SearchReply) -> index_pb2.SearchResponse:
    """The message of the nearest sections."""
    reached = reply.reached
    return index_pb2.SearchResponse(
        hits=[write_hit(hit) for hit in reply.hits],
        timing=write_timing(reply.timing),
        expanded=reply.expanded,
        vector_search=None if reached is None else write_method(reached.method),
        expected_recall=None if reached is None else reached.recall,
        expected_us=None if reached is None or reached.seconds is None else microseconds(reached.seconds),
        steps=[write_stage_scores(one) for one in reply.steps],
    )
