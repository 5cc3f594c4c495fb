"""Retrieval: what to find and how, the plan by which it was found, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tieback_contract.field_path import ROOT, FieldPath, at
from tieback_contract.hits import RetrievedHit
from tieback_contract.query import RetrievalPlan

from tieback.core.types.encoding import Truncated
from tieback.core.types.retrieval import QueryPart, RetrieveReply, RetrieveRequest
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.contents import (
    read_content,
    read_labels,
    write_content,
    write_labels,
)
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.moves import read_mixture, write_mixture
from tieback.serving.conversions.query_options import read_query_options, write_query_options
from tieback.serving.conversions.reports import read_timing, write_timing
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
from tieback.v1 import answer_pb2


def read_retrieval(message: answer_pb2.RetrieveRequest, field: FieldPath = ROOT) -> RetrieveRequest:
    """What to find, and how."""
    return RetrieveRequest(
        collection=message.collection,
        query=each(message.query, _read_part, field["query"]),
        limit=message.limit,
        filter=message.filter,
        routing=read_routing(message.routing, field["routing"]),
        explain=message.explain,
        options=read_query_options(message.options, field["options"]),
    )


def _read_part(part: answer_pb2.QueryPart, field: FieldPath) -> QueryPart:
    content = read_content(part.content, field["content"], tokenised=False)
    return QueryPart(content, read_weight(part, field))


def write_retrieval(request: RetrieveRequest) -> answer_pb2.RetrieveRequest:
    """The message of what to find."""
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
        options=write_query_options(request.options),
    )


read_plan = reading(RetrievalPlan, answer_pb2.RetrievalPlan)
write_plan = writing(RetrievalPlan, answer_pb2.RetrievalPlan)
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
