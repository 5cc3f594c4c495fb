"""tieback.v1.EncoderService."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import grpc
from tieback_contract.field_path import at

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeReply
from tieback.encoder.adapting import OUTPUT, encode_each
from tieback.ports import EncoderPort
from tieback.serving.conversions.contents import (
    fill_encode_reply,
    read_cache,
    read_content,
    read_truncation,
    write_split_reply,
)
from tieback.serving.conversions.vectors import read_output
from tieback.serving.reading import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.batch_stream import BatchStream
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import encoder_pb2, encoder_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]

STREAM_ITEMS = 512
"""Items of one stream that are worked on at once: enough to keep a worker busy from batch to batch, and few
enough that one bulk client does not fill the queue and have everyone else refused."""


class EncoderServicer(encoder_pb2_grpc.EncoderServiceServicer):
    """Encodes batches. A stream's next batch is read while fewer than `stream_items` of it are in work."""

    def __init__(self, encoder: EncoderPort, *, stream_items: int = STREAM_ITEMS) -> None:
        self._encoder = encoder
        self._stream_items = stream_items
        self._streams: set[BatchStream] = set()
        self._draining = False

    async def Encode(
        self, request: encoder_pb2.EncodeRequest, context: Context
    ) -> encoder_pb2.EncodeResponse:
        """Encodes a batch; a content that cannot even be read fails alone, like any bad one."""
        response = encoder_pb2.EncodeResponse()
        await self._encode(request, response, deadline_of(context))
        return response

    async def EncodeStream(
        self, requests: AsyncIterator[encoder_pb2.EncodeStreamRequest], context: Context
    ) -> AsyncIterator[encoder_pb2.EncodeStreamResponse]:
        """Encodes batches side by side; each is answered when it is done, whatever became of the others."""
        stream = BatchStream(self._encode, self._stream_items, deadline_of(context))
        self._streams.add(stream)
        if self._draining:
            stream.drain()
        try:
            async for response in stream.responses(requests):
                yield response
        finally:
            self._streams.discard(stream)
            await stream.close()

    async def SplitTexts(
        self, request: encoder_pb2.SplitTextsRequest, context: Context
    ) -> encoder_pb2.SplitTextsResponse:
        """Returns where to cut texts."""
        space, max_tokens = request.space, request.max_tokens
        overlap = request.overlap if request.HasField("overlap") else None
        # Each look at a text of the message copies it; once all are copied, the message need not be held too.
        texts: list[str] = await converted(functools.partial(_copied, request.texts))
        del request
        reply = await self._encoder.split(
            space, texts, max_tokens=max_tokens, overlap=overlap, deadline=deadline_of(context)
        )
        return await converted(lambda: write_split_reply(reply))

    def drain(self) -> None:
        """Has all streams end with UNAVAILABLE once what they have read is answered."""
        self._draining = True
        for stream in self._streams:
            stream.drain()

    async def _encode(
        self, request: encoder_pb2.EncodeRequest, response: encoder_pb2.EncodeResponse, deadline: Deadline
    ) -> None:
        batch = await converted(lambda: Batch(request.contents, read_content, at("contents")))
        plan = dataclasses.replace(
            read_output(request.output, at("output")),
            truncation=read_truncation(request.truncation, at("truncation")),
        )
        cache = read_cache(request.cache, at("cache"))

        async def encode(contents: Sequence[Content], one: EncodePlan) -> EncodeReply:
            return await self._encoder.encode(request.space, contents, one, cache=cache, deadline=deadline)

        if request.adapters:
            adapters = _one_each(request, plan)
            fields = [at("adapters", place % len(request.adapters)) for place in range(len(adapters))]
            good = [place for place in range(len(adapters)) if place not in batch.errors]
            named, places = [adapters[place] for place in good], [fields[place] for place in good]
            ask = functools.partial(encode_each, encode, plan=plan, adapters=named, fields=places)
        else:
            ask = functools.partial(encode, one=plan)
        fill_encode_reply(response, await batch.answered(ask))


def _one_each(request: encoder_pb2.EncodeRequest, plan: EncodePlan) -> list[str]:
    """The adapter of each content. InvalidInput where their number is wrong, or one is named for all too."""
    named, contents = list(request.adapters), len(request.contents)
    if plan.adapter:
        raise InvalidInput("name one adapter for all here, or one for each in adapters", field=OUTPUT)
    if len(named) not in (1, contents):
        raise InvalidInput(
            f"there are {len(named)} adapters for {contents} contents; name one for each, or one for all",
            field="adapters",
        )
    return named * contents if len(named) == 1 else named


def _copied(texts: Iterable[str]) -> list[str]:
    """One by one, unlike by `list`, so that the interpreter is free for others between them."""
    return [text for text in texts]  # noqa: C416 - as above
