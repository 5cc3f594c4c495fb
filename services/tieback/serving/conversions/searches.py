"""Indexed items and hits."""

from __future__ import annotations

import math

from tieback_contract.field_path import FieldPath, at
from tieback_contract.hits import Hit

from tieback.core.types.collection import IndexedItem
from tieback.core.types.search import Reached, SearchReply, SearchRequest, StageScores
from tieback.serving.conversions.codec import CODEC, reading, writing
from tieback.serving.conversions.contents import (
    read_item,
    write_item,
)
from tieback.serving.conversions.frames import each, finite, optional
from tieback.serving.conversions.indexed_sections import read_indexed_section, write_indexed_section
from tieback.serving.conversions.moves import read_following, write_following
from tieback.serving.conversions.reports import (
    MICROSECONDS,
    microseconds,
    read_method,
    read_timing,
    write_method,
    write_timing,
)
from tieback.v1 import index_pb2


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


def _check_search(request: SearchRequest) -> None:
    if request.related_from is not None:
        finite(request.related_from, at("related_from"))


CODEC.check(SearchRequest, _check_search)
read_search_request = reading(SearchRequest, index_pb2.SearchRequest)
write_search_request = writing(SearchRequest, index_pb2.SearchRequest)
read_hit, write_hit = reading(Hit, index_pb2.Hit), writing(Hit, index_pb2.Hit)
read_stage_scores = reading(StageScores, index_pb2.StageScores)
write_stage_scores = writing(StageScores, index_pb2.StageScores)


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
