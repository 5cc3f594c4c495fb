"""Indexed items and hits."""

from __future__ import annotations

import math
from dataclasses import replace

from tieback_contract.field_path import at

from tieback.core.types.collection import IndexedItem
from tieback.core.types.search import Reached, SearchReply, SearchRequest
from tieback.serving.conversions.codec import (
    CODEC,
    MICROSECONDS,
    microseconds,
    read_method,
    reading,
    write_method,
    writing,
)
from tieback.serving.conversions.frames import finite
from tieback.v1 import index_pb2


def _check_request(request: SearchRequest) -> None:
    if request.related_from is not None:
        finite(request.related_from, at("related_from"))


CODEC.check(SearchRequest, _check_request)
read_indexed_item = reading(IndexedItem, index_pb2.IndexedItem)
write_indexed_item = writing(IndexedItem, index_pb2.IndexedItem)
read_search_request = reading(SearchRequest, index_pb2.SearchRequest)
write_search_request = writing(SearchRequest, index_pb2.SearchRequest)


_read_reply = reading(SearchReply, index_pb2.SearchResponse)
_write_reply = writing(SearchReply, index_pb2.SearchResponse)


def read_search_reply(message: index_pb2.SearchResponse) -> SearchReply:
    """The nearest sections."""
    reply = _read_reply(message)
    return replace(reply, reached=_read_reached(message)) if message.HasField("vector_search") else reply


def _read_reached(message: index_pb2.SearchResponse) -> Reached:
    chosen = read_method(message.vector_search)
    seconds = message.expected_us / MICROSECONDS if message.HasField("expected_us") else None
    return Reached(chosen.parameters.get("breadth", math.inf), message.expected_recall, seconds)


def write_search_reply(reply: SearchReply) -> index_pb2.SearchResponse:
    """The message of the nearest sections."""
    message = _write_reply(reply)
    if (reached := reply.reached) is not None:
        message.vector_search.CopyFrom(write_method(reached.method))
        message.expected_recall = reached.recall
        if reached.seconds is not None:
            message.expected_us = microseconds(reached.seconds)
    return message
