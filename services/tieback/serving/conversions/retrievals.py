"""Retrieval: what to find and how, the plan by which it was found, and what was found."""

from __future__ import annotations

from typing import Any

from tieback.core.errors import TiebackError
from tieback.core.types.ingestion import IngestResult
from tieback.core.types.retrieval import AnswerEvent, QueryPart, RetrieveReply, RetrieveRequest
from tieback.serving.conversions.codec import CODEC, finite_fields, reading, writing
from tieback.serving.conversions.generations import read_event, write_event
from tieback.serving.requests import failures
from tieback.v1 import answer_pb2

CODEC.check(QueryPart, finite_fields("weight"))
read_retrieval = reading(RetrieveRequest, answer_pb2.RetrieveRequest)
read_retrieve_reply = reading(RetrieveReply, answer_pb2.RetrieveResponse)
write_retrieve_reply = writing(RetrieveReply, answer_pb2.RetrieveResponse)


def _read_status(status: Any) -> TiebackError | None:
    return failures.from_status(status) if status.code else None


def _fill_status(message: Any, error: TiebackError | None) -> None:
    message.SetInParent()
    if error is not None:
        message.CopyFrom(failures.to_status(error))


CODEC.converter("tieback.v1.IngestResult.status", _read_status, _fill_status)
write_ingest_result = writing(IngestResult, answer_pb2.IngestResult)


def read_answer_event(message: answer_pb2.AnswerResponse) -> AnswerEvent | None:
    """The hits that were found, or an event of the answer; None for one that is not known here."""
    if message.HasField("retrieval"):
        return read_retrieve_reply(message.retrieval)
    return read_event(message.generation)


def write_answer_event(event: AnswerEvent) -> answer_pb2.AnswerResponse:
    """The message of hits that were found, or of an event."""
    if isinstance(event, RetrieveReply):
        return answer_pb2.AnswerResponse(retrieval=write_retrieve_reply(event))
    return answer_pb2.AnswerResponse(generation=write_event(event))
