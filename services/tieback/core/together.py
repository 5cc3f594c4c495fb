"""Requests of a stream that are begun before those ahead of them are done, and answered in their order."""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, TypeVar

AT_ONCE = 3
"""Requests of a stream: one is written, one is encoded, one keeps the faster spaces busy meanwhile."""

A = TypeVar("A")
B = TypeVar("B")

Before = Callable[[], Coroutine[Any, Any, None]]


async def overlapped(
    requests: AsyncIterator[A], work: Callable[[A, Before], Coroutine[Any, Any, B]], at_once: int = AT_ONCE
) -> AsyncIterator[B]:
    """What `work` makes of each request, in order; no request is read while `at_once` are worked on.

    `work` is given what it awaits before it does what must come after the request ahead of it: that raises
    what the work on that one raised. The first error ends the stream, and all that is left is cancelled.
    """
    running: deque[asyncio.Task[B]] = deque()
    reader: asyncio.Future[A | None] | None = None
    ended = False
    try:
        while not ended or running:
            if not ended and reader is None and len(running) < at_once:
                reader = asyncio.ensure_future(anext(requests, None))
            waited: list[asyncio.Future[Any]] = [*([reader] if reader else []), *list(running)[:1]]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if reader is not None and reader.done():
                request, reader = reader.result(), None
                if request is None:
                    ended = True
                else:
                    ahead = functools.partial(_after, running[-1] if running else None)
                    running.append(asyncio.create_task(work(request, ahead)))
            while running and running[0].done():
                yield running.popleft().result()
    finally:
        left: list[asyncio.Future[Any]] = [*running, *([reader] if reader else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _after(task: asyncio.Task[Any] | None) -> None:
    """Waits for a task without cancelling it where the one that waits is cancelled."""
    if task is not None:
        await asyncio.wait([task])
        task.result()


T = TypeVar("T")


async def all_or_none(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of them give; where one fails, or the caller goes away, the others are cancelled."""
    jobs = list(coroutines)
    if len(jobs) <= 1:
        return [await job for job in jobs]
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
