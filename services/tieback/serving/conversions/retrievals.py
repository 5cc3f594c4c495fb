"""Retrieval: what to find and how, the plan by which it was found, and what was found."""

from __future__ import annotations

from typing import Any

from tieback_contract.field_path import ROOT, FieldPath
from tieback_contract.query import RetrievalPlan

from tieback.core.errors import TiebackError
from tieback.core.types.ingestion import IngestResult
from tieback.core.types.retrieval import QueryPart, RetrieveReply, RetrieveRequest
from tieback.serving import failures
from tieback.serving.conversions.codec import CODEC, reading, writing
from tieback.serving.conversions.contents import (
    read_content,
    write_content,
)
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.query_options import read_query_options, write_query_options
from tieback.serving.conversions.routings import (
    read_routing,
    read_weight,
    write_routing,
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
read_retrieve_reply = reading(RetrieveReply, answer_pb2.RetrieveResponse)
write_retrieve_reply = writing(RetrieveReply, answer_pb2.RetrieveResponse)


def _read_status(status: Any) -> TiebackError | None:
    return failures.from_status(status) if status.code else None


def _fill_status(message: Any, error: TiebackError | None) -> None:
    message.SetInParent()
    if error is not None:
        message.CopyFrom(failures.to_status(error))


CODEC.converter("tieback.v1.IngestResult.status", _read_status, _fill_status)
read_ingest_result = reading(IngestResult, answer_pb2.IngestResult)
write_ingest_result = writing(IngestResult, answer_pb2.IngestResult)
