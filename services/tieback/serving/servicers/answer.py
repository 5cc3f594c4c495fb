"""tieback.v1.AnswerService."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import grpc

from tieback.core.call import Call, in_bulk
from tieback.core.errors import TiebackError
from tieback.core.together import Before, overlapped
from tieback.core.types.ingestion import IngestRequest, IngestResult
from tieback.ports import AnswerPort
from tieback.serving.conversions.codec import reading, write_timing
from tieback.serving.conversions.retrievals import write_ingest_result
from tieback.serving.metrics.observed import observed
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.requests import rpcs
from tieback.serving.requests.context import deadline_of
from tieback.serving.requests.parsing import converted
from tieback.serving.servicers.batch import PartialBatch
from tieback.serving.servicers.of_port import servicer
from tieback.v1 import answer_pb2

Context = grpc.aio.ServicerContext[Any, Any]
SAID_ONCE = ("collection", "space", "codec", "token_vectors")
"""Fields that later requests of a stream may leave out: which collection it is, and how one is made."""

_read_request = reading(IngestRequest, answer_pb2.IngestItemsRequest)


def answer_servicer(answerer: AnswerPort, telemetry: Telemetry) -> Any:
    """The servicer of the pipeline."""
    return servicer(
        observed(answerer, telemetry), rpcs.ANSWER, IngestItems=Ingestions(answerer, telemetry).serve
    )


class Ingestions:
    """Streams of items to encode and write."""

    def __init__(self, answerer: AnswerPort, telemetry: Telemetry) -> None:
        self._answerer = answerer
        self._telemetry = telemetry

    async def serve(
        self, requests: AsyncIterator[answer_pb2.IngestItemsRequest], context: Context
    ) -> AsyncIterator[answer_pb2.IngestItemsResponse]:
        """Encodes and writes items; every request is answered, in order, once its good items are durable."""
        call = Call(deadline_of(context))
        kept: dict[str, Any] = {}
        numbers = itertools.count()

        def begin(
            message: answer_pb2.IngestItemsRequest, before: Before
        ) -> Coroutine[Any, Any, answer_pb2.IngestItemsResponse]:
            given = {field.name: value for field, value in message.ListFields() if field.name in SAID_ONCE}
            left_out = {name: value for name, value in kept.items() if name not in given}
            message.MergeFrom(answer_pb2.IngestItemsRequest(**left_out))
            kept.update(given)
            return self._ingest(message, next(numbers), before, call)

        async with aclosing(overlapped(requests, begin)) as responses:  # type: ignore[type-var]  # a generator
            async for response in responses:
                yield response

    async def _ingest(
        self,
        message: answer_pb2.IngestItemsRequest,
        sequence: int,
        before: Before,
        call: Call,
    ) -> answer_pb2.IngestItemsResponse:
        request = await converted(lambda: _read_request(message))
        batch = PartialBatch(request.items, "items")
        timing = None
        written: list[IngestResult | TiebackError] = []
        if batch.good or not request.items:
            with in_bulk():  # it waits for room; the stream is not ended for want of it
                reply = await self._answerer.ingest(replace(request, items=batch.good), call, before)
            timing = reply.timing
            self._telemetry.observe_timing("answer", "ingest", timing)
            self._telemetry.long_texts.ingested(reply.results)
            written = [one.error or one for one in reply.results]
        return answer_pb2.IngestItemsResponse(
            sequence=sequence,
            results=[
                write_ingest_result(IngestResult(item.id, one) if isinstance(one, TiebackError) else one)
                for item, one in zip(message.items, batch.merged(written), strict=True)
            ],
            timing=None if timing is None else write_timing(timing),
        )
