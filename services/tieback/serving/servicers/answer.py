"""tieback.v1.AnswerService."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

import grpc
from tieback_contract.field_path import at

from tieback.core.bulk import in_bulk
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.core.overlapping import Before, overlapped
from tieback.core.types.fusion import Role
from tieback.core.types.ingestion import IngestResult
from tieback.core.types.retrieval import AnswerRequest, RetrieveReply
from tieback.ports import AnswerPort
from tieback.serving.conversions.contents import read_item, read_long_texts
from tieback.serving.conversions.conversations import conversation_of
from tieback.serving.conversions.generations import (
    read_grounding,
    read_sampling,
    read_style,
    write_event,
)
from tieback.serving.conversions.reports import read_method, write_timing
from tieback.serving.conversions.retrievals import (
    read_retrieval,
    write_ingest_result,
    write_retrieve_reply,
)
from tieback.serving.conversions.token_vectors import read_token_vectors
from tieback.serving.reading import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.time_left import deadline_of
from tieback.serving.telemetry import Telemetry
from tieback.v1 import answer_pb2, answer_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class AnswerServicer(answer_pb2_grpc.AnswerServiceServicer):
    """The pipeline."""

    def __init__(self, answerer: AnswerPort, telemetry: Telemetry) -> None:
        self._answerer = answerer
        self._telemetry = telemetry

    async def IngestItems(
        self, requests: AsyncIterator[answer_pb2.IngestItemsRequest], context: Context
    ) -> AsyncIterator[answer_pb2.IngestItemsResponse]:
        """Encodes and writes items; every request is answered, in order, once its good items are durable."""
        deadline = deadline_of(context)
        # Later requests may leave out which collection it is, and how one is made.
        kept: dict[str, Any] = {"collection": "", "space": "", "codec": None, "token_vectors": None}
        numbers = itertools.count()

        def begin(
            request: answer_pb2.IngestItemsRequest, before: Before
        ) -> Coroutine[Any, Any, answer_pb2.IngestItemsResponse]:
            given = {field.name: value for field, value in request.ListFields()}
            kept.update({name: given[name] for name in kept if name in given})
            return self._ingest(request, dict(kept), next(numbers), before, deadline)

        async with aclosing(overlapped(requests, begin)) as responses:  # type: ignore[type-var]  # a generator
            async for response in responses:
                yield response

    async def _ingest(
        self,
        request: answer_pb2.IngestItemsRequest,
        into: Mapping[str, Any],
        sequence: int,
        before: Before,
        deadline: Deadline,
    ) -> answer_pb2.IngestItemsResponse:
        batch = await converted(lambda: Batch(request.items, read_item, at("items")))
        timing = None
        written: list[IngestResult | TiebackError] = []
        if batch.good or not request.items:
            with in_bulk():  # it waits for room; the stream is not ended for want of it
                reply = await self._answerer.ingest(
                    into["collection"],
                    batch.good,
                    space=into["space"],
                    long_texts=read_long_texts(request.long_texts, at("long_texts")),
                    codec=None if into["codec"] is None else read_method(into["codec"], at("codec")),
                    token_vectors=(
                        None if into["token_vectors"] is None else read_token_vectors(into["token_vectors"])
                    ),
                    before_writing=before,
                    deadline=deadline,
                )
            timing = reply.timing
            self._telemetry.observe_timing("answer", "ingest", timing)
            self._telemetry.long_texts.ingested(reply.results)
            written = [one.error or one for one in reply.results]
        return answer_pb2.IngestItemsResponse(
            sequence=sequence,
            results=[
                write_ingest_result(IngestResult(item.id, one) if isinstance(one, TiebackError) else one)
                for item, one in zip(request.items, batch.merged(written), strict=True)
            ],
            timing=None if timing is None else write_timing(timing),
        )

    async def Retrieve(
        self, request: answer_pb2.RetrieveRequest, context: Context
    ) -> answer_pb2.RetrieveResponse:
        """Finds what bears on a query."""
        call = Call(deadline_of(context))
        reply = await self._answerer.retrieve(await converted(lambda: read_retrieval(request)), call)
        self._observe(reply)
        return write_retrieve_reply(reply)

    async def Answer(
        self, request: answer_pb2.AnswerRequest, context: Context
    ) -> AsyncIterator[answer_pb2.AnswerResponse]:
        """Finds what bears on a question and streams an answer."""
        call = Call(deadline_of(context))
        events = self._answerer.answer(await converted(lambda: _read_answer(request)), call)
        async with aclosing(events) as stream:  # type: ignore[type-var]  # the ports' iterators are generators
            async for event in stream:
                if isinstance(event, RetrieveReply):
                    self._observe(event)
                    yield answer_pb2.AnswerResponse(retrieval=write_retrieve_reply(event))
                else:
                    yield answer_pb2.AnswerResponse(generation=write_event(event))

    def _observe(self, reply: RetrieveReply) -> None:
        self._telemetry.observe_timing("answer", "retrieve", reply.timing)
        self._telemetry.long_texts.cut_off(reply.truncated, Role.QUERY)
        self._telemetry.observe_mixture(reply.mixture)


def _read_answer(request: answer_pb2.AnswerRequest) -> AnswerRequest:
    return AnswerRequest(
        read_retrieval(request.retrieval, at("retrieval")),
        model=request.model,
        evidence_limit=request.evidence_limit,
        sampling=read_sampling(request.sampling, at("sampling")),
        grounding=read_grounding(request.grounding, at("grounding")),
        style=read_style(request.style, at("style")),
        conversation=conversation_of(request),
    )
