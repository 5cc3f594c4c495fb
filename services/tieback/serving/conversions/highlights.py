"""Sentences of hits."""

from __future__ import annotations

from tieback.core.types.search import Highlight
from tieback.serving.conversions.vectors import write_span
from tieback.v1 import index_pb2


def read_highlight(message: index_pb2.Highlight) -> Highlight:
    """A sentence of a hit's text."""
    span = message.span.begin_byte, message.span.end_byte
    return Highlight(span, message.words, message.similarity if message.HasField("similarity") else None)


def write_highlight(highlight: Highlight) -> index_pb2.Highlight:
    """The message of a sentence of a hit's text."""
    return index_pb2.Highlight(
        span=write_span(highlight.span), words=highlight.words, similarity=highlight.similarity
    )
