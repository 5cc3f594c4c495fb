"""tieback.v1.AnswerService."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

import grpc
from tieback_contract.field_path import ROOT, at

from tieback.core.call import in_bulk
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.core.together import Before, overlapped
from tieback.core.types.content import Item
from tieback.core.types.ingestion import IngestResult
from tieback.ports import AnswerPort
from tieback.serving.conversions.codec import elements_alone, read_method, write_timing
from tieback.serving.conversions.collections import read_token_vectors
from tieback.serving.conversions.contents import read_item, read_long_texts
from tieback.serving.conversions.retrievals import (
    write_ingest_result,
)
from tieback.serving.metrics.observed import observed
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.requests import rpcs
from tieback.serving.requests.context import deadline_of
from tieback.serving.requests.parsing import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.of_port import servicer
from tieback.v1 import answer_pb2, content_pb2

Context = grpc.aio.ServicerContext[Any, Any]


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
        batch = await converted(lambda: Batch(elements_alone(_item, request.items), "items"))
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


def _item(message: content_pb2.Item) -> Item:
    return read_item(message, ROOT)
