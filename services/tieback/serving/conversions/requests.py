"""Requests of RPCs, where a request is not as its message is."""

from __future__ import annotations

import dataclasses

from tieback_contract.field_path import ROOT, FieldPath, at

from tieback.core.alone import FAILED, Alone
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodeRequest, SplitTextsRequest
from tieback.core.types.rerank import DEFAULT_RERANKING, RerankCandidate, RerankRequest
from tieback.serving.conversions.codec import elements_alone, read_method, writing
from tieback.serving.conversions.contents import (
    read_cache,
    read_content,
    read_truncation,
    write_cache,
    write_content,
    write_truncation,
)
from tieback.serving.conversions.frames import optional
from tieback.serving.conversions.reranking import (
    read_candidate,
    read_rerank_source,
)
from tieback.serving.conversions.vectors import read_output, write_output
from tieback.v1 import (
    content_pb2,
    encoder_pb2,
    reranker_pb2,
)


def read_encode(message: encoder_pb2.EncodeRequest) -> EncodeRequest:
    """Contents to encode. InvalidInput where the number of adapters is wrong, or one is named twice."""
    plan = read_output(message.output, at("output"))
    if message.adapters and plan.adapter:
        raise InvalidInput(
            "name one adapter for all here, or one for each in adapters", field=at("output", "adapter")
        )
    if message.adapters and len(message.adapters) not in (1, len(message.contents)):
        raise InvalidInput(
            f"there are {len(message.adapters)} adapters for {len(message.contents)} contents; name one for "
            "each, or one for all",
            field="adapters",
        )
    return EncodeRequest(
        message.space,
        elements_alone(_content, message.contents),
        dataclasses.replace(plan, truncation=read_truncation(message.truncation, at("truncation"))),
        read_cache(message.cache, at("cache")),
        list(message.adapters),
    )


def write_encode(request: EncodeRequest) -> encoder_pb2.EncodeRequest:
    """The message of contents to encode."""
    return encoder_pb2.EncodeRequest(
        space=request.space,
        contents=map(write_content, request.contents),
        output=write_output(request.plan),
        truncation=write_truncation(request.plan.truncation),
        cache=write_cache(request.cache),
        adapters=request.adapters,
    )


def _content(message: content_pb2.Content) -> Content:
    return read_content(message, ROOT)


def read_split(message: encoder_pb2.SplitTextsRequest) -> SplitTextsRequest:
    """Texts to cut. Each look at one of the message copies it, and lets others of the interpreter go on."""
    overlap = message.overlap if message.HasField("overlap") else None
    texts = [text for text in message.texts]  # noqa: C416 - `list` would hold the interpreter
    return SplitTextsRequest(message.space, texts, message.max_tokens, overlap)


write_split = writing(SplitTextsRequest, encoder_pb2.SplitTextsRequest)


def read_rerank(message: reranker_pb2.RerankRequest) -> RerankRequest:
    """Candidates to compare; one that cannot be read has the reason in place of its source."""
    return RerankRequest(
        read_rerank_source(message.query, at("query")),
        [_candidate(one, at("candidates", place)) for place, one in enumerate(message.candidates)],
        optional(message, "method", read_method) or DEFAULT_RERANKING,
        optional(message, "rank_fusion", read_method),
        message.space,
        message.limit,
        message.explain,
    )


def _candidate(message: reranker_pb2.RerankCandidate, field: FieldPath) -> RerankCandidate:
    with Alone(keeps=True) as item:
        return read_candidate(message, field)
    return RerankCandidate(message.id, item.error or TiebackError(FAILED))


write_rerank = writing(RerankRequest, reranker_pb2.RerankRequest)
