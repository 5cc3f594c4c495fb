"""Requests of a stream overlap, are answered in order, and end with the first error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from tieback.core.together import Before, overlapped


async def asked(*numbers: int) -> AsyncIterator[int]:
    for number in numbers:
        yield number


async def test_the_next_request_is_prepared_while_the_one_before_is_written_and_written_after_it() -> None:
    events: list[str] = []
    written = asyncio.Event()

    async def work(number: int, before: Before) -> int:
        events.append(f"prepared {number}")
        if number == 2:
            written.set()
        await before()
        if number == 1:
            await asyncio.wait_for(written.wait(), 5)  # only the second's preparing lets the first go on
        events.append(f"written {number}")
        return number

    found = [one async for one in overlapped(asked(1, 2, 3), work)]

    assert found == [1, 2, 3]
    assert [one for one in events if one.startswith("written")] == ["written 1", "written 2", "written 3"]


async def test_no_request_is_read_while_as_many_as_may_be_are_worked_on() -> None:
    read: list[int] = []
    release = asyncio.Event()

    async def requests() -> AsyncIterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    async def work(number: int, before: Before) -> int:
        await release.wait()
        await before()
        return number

    async def collect() -> list[int]:
        return [one async for one in overlapped(requests(), work, at_once=2)]

    collecting = asyncio.create_task(collect())
    await asyncio.sleep(0.05)
    assert read == [0, 1]

    release.set()

    assert await collecting == list(range(10))


async def test_an_error_ends_the_stream_and_what_comes_after_is_not_written() -> None:
    written: list[int] = []

    async def work(number: int, before: Before) -> int:
        await before()
        if number == 2:
            raise ValueError("the disk is full")
        written.append(number)
        return number

    found = []
    with pytest.raises(ValueError, match="disk"):
        async for one in overlapped(asked(1, 2, 3, 4), work):
            found.append(one)

    assert found == [1]
    assert written == [1]


async def test_a_caller_that_leaves_cancels_what_runs() -> None:
    cancelled: list[int] = []

    async def work(number: int, before: Before) -> int:
        try:
            if number > 1:
                await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        await before()
        return number

    stream = overlapped(asked(1, 2, 3), work)
    assert await anext(stream) == 1
    await asyncio.sleep(0.01)
    assert isinstance(stream, AsyncGenerator)
    await stream.aclose()

    assert set(cancelled) <= {2, 3}
    assert cancelled
