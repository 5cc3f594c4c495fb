"""Reranking: sources, candidates and their alignments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tieback_contract.field_path import at
from tieback_contract.hits import Reranked
from tieback_contract.vectors import MultiVector

from tieback.core.alone import Alone
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.rerank import FailedCandidate, RerankCandidate, RerankReply, RerankSource
from tieback.serving.conversions.codec import CODEC, finite_fields, reading, writing
from tieback.serving.conversions.contents import read_content
from tieback.serving.conversions.vectors import read_multi_vector
from tieback.v1 import content_pb2, reranker_pb2, vector_pb2


def _read_source(message: reranker_pb2.RerankSource) -> RerankSource:
    kind = message.WhichOneof("source")
    if kind is None:
        raise InvalidInput("set content or multi_vector")
    if kind == "content":
        return read_content(message.content, at("content"))
    return read_multi_vector(message.multi_vector, at("multi_vector"))


def _fill_source(message: reranker_pb2.RerankSource, source: RerankSource | TiebackError) -> None:
    """Writes a content or its vectors; raises why one could not be read."""
    if isinstance(source, TiebackError):
        raise source
    if isinstance(source, MultiVector):
        _fill_multi_vector(message.multi_vector, source)
    else:
        _fill_content(message.content, source)


CODEC.converter("tieback.v1.RerankSource", _read_source, _fill_source)
CODEC.check(RerankCandidate, finite_fields("score"))
_fill_multi_vector = CODEC.filler(MultiVector, vector_pb2.MultiVector.DESCRIPTOR)
_fill_content = CODEC.filler(Content, content_pb2.Content.DESCRIPTOR)
_SOURCE: Any = RerankSource
read_rerank_source: Callable[..., RerankSource] = reading(_SOURCE, reranker_pb2.RerankSource)
write_rerank_source = writing(_SOURCE, reranker_pb2.RerankSource)
read_candidate = reading(RerankCandidate, reranker_pb2.RerankCandidate)
_write_result = writing(Reranked, reranker_pb2.RerankResult)


read_rerank_reply = reading(RerankReply, reranker_pb2.RerankResponse)
_fill_failure = CODEC.filler(FailedCandidate, reranker_pb2.RerankFailure.DESCRIPTOR)
_write_reply = writing(RerankReply, reranker_pb2.RerankResponse)


def write_rerank_reply(reply: RerankReply) -> reranker_pb2.RerankResponse:
    """The message of the candidates; one whose result cannot be written fails too."""
    response = _write_reply(replace(reply, results=(), failures=()))
    failed = list(reply.failures)
    for result in reply.results:
        with Alone() as item:
            response.results.append(_write_result(result))
        if item.error is not None:
            failed.append(FailedCandidate(result.id, result.first_rank, item.error))
    for one in sorted(failed, key=lambda one: one.first_rank):
        _fill_failure(response.failures.add(), one)
    return response
