"""Retrieval: what to find and how, the plan by which it was found, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tieback_contract.field_path import ROOT, FieldPath, at
from tieback_contract.hits import RetrievedHit
from tieback_contract.query import Granularity, QueryOptions, RetrievalPlan

from tieback.core.types.encoding import Truncated
from tieback.core.types.retrieval import QueryPart, RetrieveReply, RetrieveRequest
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.contents import (
    read_content,
    read_labels,
    read_modality,
    write_content,
    write_labels,
    write_modality,
)
from tieback.serving.conversions.frames import each, finite, optional
from tieback.serving.conversions.moves import read_mixture, write_mixture
from tieback.serving.conversions.query_plans import read_granularity, write_granularity
from tieback.serving.conversions.reports import (
    MICROSECONDS,
    microseconds,
    read_method,
    read_timing,
    write_method,
    write_timing,
)
from tieback.serving.conversions.routings import (
    read_explanation,
    read_routing,
    read_weight,
    write_explanation,
    write_routing,
)
from tieback.serving.conversions.searches import (
    read_stage_scores,
    write_stage_scores,
)
from tieback.v1 import answer_pb2, report_pb2


def read_retrieval(message: answer_pb2.RetrieveRequest, field: FieldPath = ROOT) -> RetrieveRequest:
    """What to find, and how."""
    return RetrieveRequest(
        collection=message.collection,
        query=each(message.query, _read_part, field["query"]),
        limit=message.limit,
        filter=message.filter,
        routing=read_routing(message.routing, field["routing"]),
        explain=message.explain,
        options=QueryOptions(
            candidates=message.candidates or None,
            reranker=optional(message, "reranker", read_method, field),
            hybrid=message.hybrid if message.HasField("hybrid") else None,
            balance_modalities=message.balance_modalities if message.HasField("balance_modalities") else None,
            rank_fusion=optional(message, "rank_fusion", read_method, field),
            min_relevance=finite(message.min_relevance, field["min_relevance"]) or None,
            collapse_pieces=message.collapse_pieces if message.HasField("collapse_pieces") else None,
            query_expansion=optional(message, "query_expansion", read_method, field),
            diversity=finite(message.diversity, field["diversity"])
            if message.HasField("diversity")
            else None,
            hits_per_item=message.hits_per_item if message.HasField("hits_per_item") else None,
            composition=message.composition or None,
            condition=message.condition or None,
            highlights=message.highlights or None,
            every_copy=message.every_copy or None,
            vector_search=optional(message, "vector_search", read_method, field),
            granularity=read_granularity(message.granularity, field["granularity"])
            if message.granularity
            else None,
            ranker=optional(message, "ranker", read_method, field),
        ),
    )


def _read_part(part: answer_pb2.QueryPart, field: FieldPath) -> QueryPart:
    content = read_content(part.content, field["content"], tokenised=False)
    return QueryPart(content, read_weight(part, field))


def write_retrieval(request: RetrieveRequest) -> answer_pb2.RetrieveRequest:
    """The message of what to find."""
    options = request.options
    return answer_pb2.RetrieveRequest(
        collection=request.collection,
        query=[
            answer_pb2.QueryPart(content=write_content(part.content), weight=part.weight)
            for part in request.query
        ],
        limit=request.limit,
        filter=request.filter,
        routing=write_routing(request.routing),
        explain=request.explain,
        candidates=options.candidates or 0,
        hybrid=options.hybrid,
        balance_modalities=options.balance_modalities,
        min_relevance=options.min_relevance or 0.0,
        collapse_pieces=options.collapse_pieces,
        diversity=options.diversity,
        hits_per_item=options.hits_per_item,
        granularity=None if options.granularity is None else write_granularity(options.granularity),
        composition=options.composition or "",
        condition=options.condition or "",
        highlights=options.highlights or 0,
        every_copy=options.every_copy or False,
        **_write_methods(options),
    )


def _write_methods(options: QueryOptions) -> dict[str, report_pb2.Method]:
    """The methods that are chosen, by field."""
    names = ("reranker", "rank_fusion", "query_expansion", "vector_search", "ranker")
    chosen = {name: getattr(options, name) for name in names}
    return {name: write_method(value) for name, value in chosen.items() if value is not None}


def read_plan(message: answer_pb2.RetrievalPlan) -> RetrievalPlan:
    """How a query is answered."""
    return RetrievalPlan(
        QueryOptions(
            hybrid=message.hybrid,
            balance_modalities=message.balance_modalities,
            rank_fusion=optional(message, "rank_fusion", read_method),
            reranker=read_method(message.reranker, at("reranker")),
            candidates=message.candidates,
            collapse_pieces=message.collapse_pieces,
            query_expansion=read_method(message.query_expansion, at("query_expansion")),
            diversity=message.diversity,
            hits_per_item=message.hits_per_item,
            vector_search=read_method(message.vector_search, at("vector_search")),
            granularity=read_granularity(message.granularity, at("granularity")),
            ranker=read_method(message.ranker, at("ranker")),
            composition=message.composition,
            condition=message.condition,
            every_copy=message.every_copy,
        ),
        relevance_floor=message.relevance_floor,
        expected_recall=message.expected_recall if message.HasField("expected_recall") else None,
        expected_seconds=message.expected_us / MICROSECONDS if message.HasField("expected_us") else None,
        skipped_reranker=optional(message, "skipped_reranker", read_method),
        token_vectors=message.token_vectors,
        first_modality=read_modality(message.first_modality, at("first_modality"))
        if message.first_modality
        else None,
        fill_up=message.fill_up,
    )


def write_plan(plan: RetrievalPlan) -> answer_pb2.RetrievalPlan:
    """The message of how a query is answered."""
    options = plan.options
    return answer_pb2.RetrievalPlan(
        hybrid=options.hybrid or False,
        balance_modalities=options.balance_modalities or False,
        candidates=options.candidates or 0,
        relevance_floor=plan.relevance_floor,
        collapse_pieces=options.collapse_pieces or False,
        diversity=options.diversity or 0.0,
        hits_per_item=options.hits_per_item or 0,
        expected_recall=plan.expected_recall,
        expected_us=None if plan.expected_seconds is None else microseconds(plan.expected_seconds),
        skipped_reranker=None if plan.skipped_reranker is None else write_method(plan.skipped_reranker),
        granularity=write_granularity(options.granularity or Granularity.SECTION),
        token_vectors=plan.token_vectors,
        composition=options.composition or "",
        condition=options.condition or "",
        first_modality=None if plan.first_modality is None else write_modality(plan.first_modality),
        every_copy=options.every_copy or False,
        fill_up=plan.fill_up,
        **_write_methods(options),
    )


_read_hit = reading(RetrievedHit, answer_pb2.RetrievedHit)
_write_hit = writing(RetrievedHit, answer_pb2.RetrievedHit)


def read_retrieve_reply(message: answer_pb2.RetrieveResponse) -> RetrieveReply:
    """Value that was found."""
    return RetrieveReply(
        each(message.hits, _read_hit, at("hits")),
        read_explanation(message.routing),
        read_labels(message.labels),
        read_timing(message.timing),
        read_plan(message.plan),
        read_truncated(message.truncated),
        [read_stage_scores(one) for one in message.steps],
        read_mixture(message.mixture) if message.HasField("mixture") else None,
    )


def write_retrieve_reply(reply: RetrieveReply) -> answer_pb2.RetrieveResponse:
    """The message of what was found."""
    return answer_pb2.RetrieveResponse(
        hits=[_write_hit(hit) for hit in reply.hits],
        routing=write_explanation(reply.routing),
        labels=write_labels(reply.labels),
        timing=write_timing(reply.timing),
        plan=write_plan(reply.plan),
        truncated=write_truncated(reply.truncated),
        steps=[write_stage_scores(one) for one in reply.steps],
        mixture=None if reply.mixture is None else write_mixture(reply.mixture),
    )


def read_truncated(messages: Iterable[answer_pb2.Truncated]) -> list[Truncated]:
    """What spaces did not read."""
    return [Truncated(one.space, one.sections, one.tokens, one.window) for one in messages]


def write_truncated(truncated: Sequence[Truncated]) -> list[answer_pb2.Truncated]:
    """The messages of what spaces did not read."""
    return [
        answer_pb2.Truncated(space=one.space, sections=one.sections, tokens=one.tokens, window=one.window)
        for one in truncated
    ]
