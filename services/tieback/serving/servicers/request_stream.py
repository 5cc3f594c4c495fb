"""Streams of requests that are answered in order, several worked on at a time or one after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from google.protobuf.message import Message

from tieback.core.errors import Unavailable
from tieback.core.together import Before, overlapped

AT_ONCE = 32
"""Requests of one stream that are worked on at once: what a busy client has in flight by single calls."""

R = TypeVar("R", bound=Message)
A = TypeVar("A")
Q = TypeVar("Q")


class RequestStreams:
    """The open streams of a servicer. The requests of one hold about `most_bytes` at most."""

    def __init__(self, most_bytes: int = 0) -> None:
        self._most = most_bytes
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Has all streams end with UNAVAILABLE once what they have read is answered."""
        self._draining.set()

    async def answers(
        self, requests: AsyncIterator[R], work: Callable[[R], Awaitable[A]]
    ) -> AsyncIterator[A]:
        """What `work` makes of each request. The first error ends the stream."""
        room = _Room(self._most)

        async def one(request: R, _: Before) -> A:
            size = request.ByteSize()
            try:
                return await work(request)
            finally:
                room.give(size)

        async for answer in overlapped(self._bounded(requests, room), one, AT_ONCE):
            yield answer
        self._end()

    async def in_turn(
        self, requests: AsyncIterator[Q], ask: Callable[[AsyncIterator[Q]], AsyncGenerator[A, None]]
    ) -> AsyncGenerator[A, None]:
        """The answers of what reads the requests itself, one after another."""
        async with aclosing(ask(self._read(requests))) as answers:
            async for answer in answers:
                yield answer
        self._end()

    def _end(self) -> None:
        if self._draining.is_set():
            raise Unavailable("the server is shutting down", retry_after=0.0)

    async def _bounded(self, requests: AsyncIterator[R], room: _Room) -> AsyncIterator[R]:
        async for request in self._read(requests, room):
            room.take(request.ByteSize())
            yield request

    async def _read(self, requests: AsyncIterator[Q], room: _Room | None = None) -> AsyncIterator[Q]:
        """The requests until the server drains; one is read where there is room."""
        draining = asyncio.ensure_future(self._draining.wait())
        following: asyncio.Future[Any] | None = None
        try:
            while True:
                if room is not None:
                    await room.wait()
                following = asyncio.ensure_future(anext(requests, None))
                await asyncio.wait({following, draining}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    return
                request = following.result()
                if request is None:
                    return
                yield request
        finally:
            for task in (draining, following):
                if task is not None and not task.done():
                    task.cancel()


class _Room:
    """Counts the bytes of requests in work: the next is read while they are fewer than `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._free = asyncio.Event()
        self._free.set()

    async def wait(self) -> None:
        await self._free.wait()

    def take(self, size: int) -> None:
        self._held += size
        if self._held >= self._most:
            self._free.clear()

    def give(self, size: int) -> None:
        self._held -= size
        if self._held < self._most:
            self._free.set()
