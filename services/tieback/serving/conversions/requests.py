"""Requests of RPCs, where a request is not as its message is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tieback_contract.field_path import FieldPath, at
from tieback_contract.method_choice import MethodChoice

from tieback.core.alone import Alone
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.encoding import EncodeRequest, SplitTextsRequest
from tieback.core.types.fusion import FuseRequest
from tieback.core.types.generation import GenerateRequest
from tieback.core.types.grounding import CheckGroundingRequest, GroundingCheck
from tieback.core.types.recognition import RecogniseRequest
from tieback.core.types.rerank import DEFAULT_RERANKING, RerankCandidate, RerankRequest
from tieback.serving.conversions.contents import (
    read_cache,
    read_content,
    read_truncation,
    write_cache,
    write_content,
    write_truncation,
)
from tieback.serving.conversions.conversations import conversation_fields, conversation_of
from tieback.serving.conversions.frames import each, optional
from tieback.serving.conversions.generations import (
    read_evidence,
    read_grounding,
    read_sampling,
    read_style,
    write_evidence,
    write_grounding,
    write_sampling,
    write_style,
)
from tieback.serving.conversions.groundings import read_check, write_check
from tieback.serving.conversions.reports import read_method, write_method
from tieback.serving.conversions.reranking import (
    read_candidate,
    read_rerank_source,
    write_candidate,
    write_rerank_source,
)
from tieback.serving.conversions.routings import (
    read_fuse_input,
    read_role,
    read_routing,
    write_fuse_input,
    write_role,
    write_routing,
)
from tieback.serving.conversions.vectors import read_output, write_output
from tieback.v1 import (
    encoder_pb2,
    generator_pb2,
    grounding_pb2,
    recognition_pb2,
    report_pb2,
    reranker_pb2,
    router_pb2,
)

T = TypeVar("T")


def alone(messages: Iterable[Any], read: Callable[[Any, FieldPath], T], field: FieldPath) -> list[Any]:
    """What `read` makes of each message; the error of one that cannot be read stands in its place."""
    found: list[T | TiebackError] = []
    for place, message in enumerate(messages):
        with Alone() as item:
            found.append(read(message, field[place]))
        if item.error is not None:
            found.append(item.error)
    return found


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
        alone(message.contents, read_content, at("contents")),
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


def read_split(message: encoder_pb2.SplitTextsRequest) -> SplitTextsRequest:
    """Texts to cut. Each look at one of the message copies it, and lets others of the interpreter go on."""
    overlap = message.overlap if message.HasField("overlap") else None
    texts = [text for text in message.texts]  # noqa: C416 - `list` would hold the interpreter
    return SplitTextsRequest(message.space, texts, message.max_tokens, overlap)


def write_split(request: SplitTextsRequest) -> encoder_pb2.SplitTextsRequest:
    """The message of texts to cut."""
    return encoder_pb2.SplitTextsRequest(
        space=request.space, texts=request.texts, max_tokens=request.max_tokens, overlap=request.overlap
    )


def read_fuse(message: router_pb2.FuseRequest) -> FuseRequest:
    """Encodings to fuse."""
    return FuseRequest(
        alone(message.inputs, read_fuse_input, at("inputs")),
        read_role(message.role, at("role")),
        read_routing(message.routing, at("routing")),
        message.per_region,
    )


def write_fuse(request: FuseRequest) -> router_pb2.FuseRequest:
    """The message of encodings to fuse."""
    return router_pb2.FuseRequest(
        inputs=map(write_fuse_input, request.inputs),
        role=write_role(request.role),
        routing=write_routing(request.routing),
        per_region=request.per_region,
    )


def read_rerank(message: reranker_pb2.RerankRequest) -> RerankRequest:
    """Candidates to compare; one that cannot be read has the reason in place of its source."""
    candidates = alone(message.candidates, read_candidate, at("candidates"))
    return RerankRequest(
        read_rerank_source(message.query, at("query")),
        [
            RerankCandidate(own.id, one) if isinstance(one, TiebackError) else one
            for own, one in zip(message.candidates, candidates, strict=True)
        ],
        optional(message, "method", read_method) or DEFAULT_RERANKING,
        optional(message, "rank_fusion", read_method),
        message.space,
        message.limit,
        message.explain,
    )


def write_rerank(request: RerankRequest) -> reranker_pb2.RerankRequest:
    """The message of candidates to compare."""
    return reranker_pb2.RerankRequest(
        query=write_rerank_source(request.query),
        candidates=map(write_candidate, request.candidates),
        method=write_method(request.method),
        rank_fusion=_method(request.rank_fusion),
        space=request.space,
        limit=request.limit,
        explain=request.explain,
    )


def read_recognise(message: recognition_pb2.RecogniseRequest) -> RecogniseRequest:
    """Pictures and sounds to read."""
    contents = alone(message.contents, read_content, at("contents"))
    return RecogniseRequest(contents, message.model, optional(message, "fusion", read_method))


def write_recognise(request: RecogniseRequest) -> recognition_pb2.RecogniseRequest:
    """The message of pictures and sounds to read."""
    contents = map(write_content, request.contents)
    return recognition_pb2.RecogniseRequest(
        contents=contents, model=request.model, fusion=_method(request.fusion)
    )


def read_checks(message: grounding_pb2.CheckGroundingRequest) -> CheckGroundingRequest:
    """Texts to check."""
    checks: list[GroundingCheck] = alone(message.checks, read_check, at("checks"))
    return CheckGroundingRequest(checks, optional(message, "checker", read_method))


def write_checks(request: CheckGroundingRequest) -> grounding_pb2.CheckGroundingRequest:
    """The message of texts to check."""
    return grounding_pb2.CheckGroundingRequest(
        checks=map(write_check, request.checks), checker=_method(request.checker)
    )


def read_generate(message: generator_pb2.GenerateRequest) -> GenerateRequest:
    """A prompt with its evidence."""
    return GenerateRequest(
        message.prompt,
        each(message.evidence, read_evidence, at("evidence")),
        message.model,
        read_sampling(message.sampling, at("sampling")),
        read_grounding(message.grounding, at("grounding")),
        read_style(message.style, at("style")),
        conversation_of(message),
    )


def write_generate(request: GenerateRequest) -> generator_pb2.GenerateRequest:
    """The message of a prompt with its evidence."""
    return generator_pb2.GenerateRequest(
        model=request.model,
        prompt=request.prompt,
        evidence=map(write_evidence, request.evidence),
        sampling=write_sampling(request.sampling),
        grounding=write_grounding(request.grounding),
        style=write_style(request.style),
        **conversation_fields(request.conversation),
    )


def _method(choice: MethodChoice | None) -> report_pb2.Method | None:
    return None if choice is None else write_method(choice)
