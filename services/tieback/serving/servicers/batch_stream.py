"""One stream of batches: read as there is room, worked on side by side, answered as they are done.

What a stream may hold is bounded: a batch counts from when it is read until its answer is handed to gRPC.
While there is no room nothing is read, and HTTP/2's flow control holds the sender back. So a batch that the
encoder refuses for now waits here and is tried again, and nobody is asked to come back later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from tieback_contract.field_path import at

from tieback.core.call import Call, in_bulk
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Overloaded, TiebackError, Unavailable
from tieback.core.types.encoding import EncodeReply
from tieback.serving.conversions.contents import fill_encode_reply
from tieback.serving.requests import failures
from tieback.v1 import encoder_pb2

log = logging.getLogger(__name__)
Encode = Callable[[encoder_pb2.EncodeRequest, Call], Awaitable[EncodeReply]]


class _Done(NamedTuple):
    """A batch that left the work; `answer` is None where the stream's end will be its answer."""

    answer: encoder_pb2.EncodeStreamResponse | None
    items: int
    ran_as: int | None


class BatchStream:
    """The batches of one call, at most about `items` inputs of them at a time.

    `encode` gives the reply to one batch. A batch that fails gets the error as its answer. Only
    Unavailable ends the stream, since a client repairs it by asking elsewhere: what else was read is answered
    first, and the rest is the client's to send again.
    """

    def __init__(self, encode: Encode, items: int, deadline: Deadline) -> None:
        self._encode = encode
        self._limit = items
        self._deadline = deadline
        self._space: str | None = None
        self._running: dict[int, asyncio.Task[None]] = {}
        self._done: asyncio.Queue[_Done | None] = asyncio.Queue()
        self._items = 0
        self._refused = 0
        self._room = asyncio.Event()
        self._room.set()
        self._reader: asyncio.Task[None] | None = None
        self._end: Unavailable | None = None
        self._ending = asyncio.Event()

    async def responses(
        self, requests: AsyncIterator[encoder_pb2.EncodeStreamRequest]
    ) -> AsyncIterator[encoder_pb2.EncodeStreamResponse]:
        """The answers as they are done. Unavailable after the last one of a stream that was drained."""
        self._reader = reader = asyncio.create_task(self._read(requests))
        reader.add_done_callback(lambda _: self._done.put_nowait(None))
        if self._end is not None:
            reader.cancel()
        while not reader.done() or self._running or not self._done.empty():
            done = await self._done.get()
            if done is None:
                continue
            if done.ran_as is not None:
                del self._running[done.ran_as]  # the client may use the id again once it has the answer
            if done.answer is not None:
                yield done.answer
            self._items -= done.items
            self._look_for_room()
        if self._end is not None:
            raise self._end
        await reader

    def drain(self, reason: Unavailable | None = None) -> None:
        """Reads no more; the stream ends with `reason` once what was read is answered."""
        self._end = self._end or reason or Unavailable("the server is shutting down", retry_after=0.0)
        self._ending.set()
        if self._reader is not None:
            self._reader.cancel()

    async def close(self) -> None:
        """Gives up what still runs."""
        tasks = [*self._running.values(), *([self._reader] if self._reader is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, requests: AsyncIterator[encoder_pb2.EncodeStreamRequest]) -> None:
        async for batch in requests:
            self._begin(batch)
            await self._room.wait()

    def _begin(self, batch: encoder_pb2.EncodeStreamRequest) -> None:
        items = max(1, len(batch.request.contents))
        self._items += items
        if self._space is None:
            self._space = batch.request.space
        try:
            self._check(batch)
        except InvalidInput as error:
            self._done.put_nowait(_Done(_failed(batch.id, error), items, None))
        else:
            self._running[batch.id] = asyncio.create_task(self._work(batch, items))
        self._look_for_room()

    def _check(self, batch: encoder_pb2.EncodeStreamRequest) -> None:
        if batch.id in self._running:
            raise InvalidInput(
                f"a batch with the id {batch.id} is not answered yet; give each batch an id of its own",
                field="id",
            )
        if batch.request.space != self._space:
            raise InvalidInput(
                f"this stream is for the space {self._space!r}; open another for {batch.request.space!r}",
                field=at("request", "space"),
            )

    async def _work(self, batch: encoder_pb2.EncodeStreamRequest, items: int) -> None:
        answer: encoder_pb2.EncodeStreamResponse | None = None
        refused = False
        try:
            while True:
                try:
                    answered = encoder_pb2.EncodeStreamResponse(id=batch.id)
                    with in_bulk():
                        reply = await self._encode(batch.request, Call(self._deadline))
                        fill_encode_reply(answered.response, reply)
                    answer = answered
                    break
                except Overloaded as error:
                    self._refused += not refused
                    refused = True
                    self._look_for_room()
                    await self._pause(min(error.retry_after, max(0.0, self._deadline.remaining())))
        except Unavailable as error:
            self.drain(error)
        except InvalidInput as error:
            answer = _failed(batch.id, error.within(at("request")))
        except Exception as error:
            if not isinstance(error, TiebackError):
                log.exception("a batch of a stream failed inside")
            answer = _failed(batch.id, error)
        finally:
            self._refused -= refused
        self._done.put_nowait(_Done(answer, items, batch.id))

    async def _pause(self, seconds: float) -> None:
        """Waits to try again; raises what ends the stream where it ends meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)
        if self._end is not None:
            raise self._end

    def _look_for_room(self) -> None:
        if self._items < self._limit and not self._refused:
            self._room.set()
        else:
            self._room.clear()


def _failed(number: int, error: Exception) -> encoder_pb2.EncodeStreamResponse:
    return encoder_pb2.EncodeStreamResponse(id=number, error=failures.to_status(error))
