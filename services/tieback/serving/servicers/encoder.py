"""tieback.v1.EncoderService."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import Any

import grpc

from tieback.ports import EncoderPort
from tieback.serving.requests import rpcs
from tieback.serving.requests.context import deadline_of
from tieback.serving.servicers.batch_stream import BatchStream, Encode
from tieback.serving.servicers.of_port import answered, servicer
from tieback.v1 import encoder_pb2

STREAM_ITEMS = 512
"""Items of one stream that are worked on at once: enough to keep a worker busy from batch to batch, and few
enough that one bulk client does not fill the queue and have everyone else refused."""


def encoder_servicer(encoder: EncoderPort, *, stream_items: int = STREAM_ITEMS) -> Any:
    """The servicer of encoders. A stream's next batch is read while fewer than `stream_items` are in work."""
    streams = EncodeStreams(functools.partial(answered, encoder.encode, rpcs.ENCODER["encode"]), stream_items)
    return servicer(encoder, rpcs.ENCODER, EncodeStream=streams.serve, drain=streams.drain)


class EncodeStreams:
    """The open streams of batches; `encode` answers the request of one batch."""

    def __init__(self, encode: Encode, items: int) -> None:
        self._encode, self._items = encode, items
        self._open: set[BatchStream] = set()
        self._draining = False

    async def serve(
        self,
        requests: AsyncIterator[encoder_pb2.EncodeStreamRequest],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[encoder_pb2.EncodeStreamResponse]:
        """Encodes batches side by side; each is answered when it is done, whatever became of the others."""
        stream = BatchStream(self._encode, self._items, deadline_of(context))
        self._open.add(stream)
        if self._draining:
            stream.drain()
        try:
            async for response in stream.responses(requests):
                yield response
        finally:
            self._open.discard(stream)
            await stream.close()

    def drain(self) -> None:
        """Has all streams end with UNAVAILABLE once what they have read is answered."""
        self._draining = True
        for stream in self._open:
            stream.drain()
