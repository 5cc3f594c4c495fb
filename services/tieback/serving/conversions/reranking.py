"""Reranking: sources, candidates and their alignments."""

from __future__ import annotations

from dataclasses import replace

from tieback_contract.alignment import Alignment, Reranked
from tieback_contract.field_path import FieldPath
from tieback_contract.vectors import MultiVector

from tieback.core.alone import Alone
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.rerank import FailedCandidate, RerankCandidate, RerankReply, RerankSource
from tieback.serving.conversions.codec import CODEC, reading, writing
from tieback.serving.conversions.contents import read_content, write_content
from tieback.serving.conversions.frames import finite
from tieback.serving.conversions.vectors import (
    read_multi_vector,
    write_multi_vector,
)
from tieback.v1 import reranker_pb2


def read_rerank_source(message: reranker_pb2.RerankSource, field: FieldPath) -> RerankSource:
    """A content, or the vectors of one."""
    kind = message.WhichOneof("source")
    if kind is None:
        raise InvalidInput("set content or multi_vector", field=field)
    if kind == "content":
        return read_content(message.content, field["content"])
    return read_multi_vector(message.multi_vector, field["multi_vector"])


def write_rerank_source(source: RerankSource | TiebackError) -> reranker_pb2.RerankSource:
    """The message of a content or of its vectors; raises why one could not be read."""
    if isinstance(source, TiebackError):
        raise source
    if isinstance(source, MultiVector):
        return reranker_pb2.RerankSource(multi_vector=write_multi_vector(source))
    return reranker_pb2.RerankSource(content=write_content(source))


def read_candidate(message: reranker_pb2.RerankCandidate, field: FieldPath) -> RerankCandidate:
    """A candidate for reranking."""
    return RerankCandidate(
        message.id,
        read_rerank_source(message.source, field["source"]),
        finite(message.score, field["score"]),
    )


def write_candidate(candidate: RerankCandidate) -> reranker_pb2.RerankCandidate:
    """The message of a candidate."""
    return reranker_pb2.RerankCandidate(
        id=candidate.id, source=write_rerank_source(candidate.source), score=candidate.score
    )


read_alignment, write_alignment = (
    reading(Alignment, reranker_pb2.Alignment),
    writing(Alignment, reranker_pb2.Alignment),
)
_read_result = reading(Reranked, reranker_pb2.RerankResult)
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
