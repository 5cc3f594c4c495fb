"""Calls within the process: what a door gets of the platform is what a caller gets over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from support.small_server import BUSY, ENDLESS, FLOOD, SECRET, SmallServer, small_server
from tieback_client import (
    AsyncClient,
    DeadlineExceeded,
    Encoding,
    InternalError,
    InvalidArgument,
    Modality,
    Overloaded,
    SpaceRef,
    Unimplemented,
    Vector,
)
from tieback_client.values.events import AnswerEvent


@asynccontextmanager
async def inside(**settings: Any) -> AsyncIterator[tuple[SmallServer, AsyncClient]]:
    async with (
        small_server(**settings) as server,
        AsyncClient(channel=server.grpc.channel(), retry=None, request_id=lambda: "mine") as client,
    ):
        yield server, client


async def until(server: SmallServer, running: int) -> None:
    async with asyncio.timeout(5):
        while _running(server) != running:  # noqa: ASYNC110 - a metric has no event
            await asyncio.sleep(0.01)


def _encoding(space: str) -> Encoding:
    ref = SpaceRef(space, "r1", "f1")
    return Encoding(ref, Modality.TEXT, Vector(np.array([1.0, 0.0, 0.0], np.float32), ref))


def _running(server: SmallServer) -> float:
    return server.value("tieback_in_flight", service="GeneratorService", method="Generate")


async def test_a_call_within_the_process_is_answered_as_one_over_a_socket() -> None:
    async with inside() as (server, client), AsyncClient(server.address, retry=None) as outside:
        found = [await one.fuse([[_encoding("tiny")]]) for one in (client, outside)]

        assert found[0][0].vector.values.tolist() == found[1][0].vector.values.tolist()


async def test_a_client_takes_a_channel_that_was_made_already() -> None:
    async with small_server() as server:
        made = grpc.aio.insecure_channel(server.address)
        async with AsyncClient(channel=made) as client:
            assert len(await client.fuse([[_encoding("tiny")]])) == 1


async def test_an_error_has_its_reason_its_place_and_the_callers_request_id() -> None:
    async with inside() as (_, client):
        with pytest.raises(InvalidArgument) as raised:
            await client.fuse([])

        assert raised.value.details.violations[0].field == "inputs"
        assert raised.value.details.request_id == "mine"


async def test_what_the_server_does_not_have_is_unimplemented() -> None:
    async with inside() as (_, client):
        with pytest.raises(Unimplemented):
            await client.spaces()


async def test_a_stream_gives_its_events_and_then_its_error_without_what_is_inside() -> None:
    async with inside() as (_, client):
        events: list[AnswerEvent] = []
        with pytest.raises(InternalError) as raised:
            async for event in client.generate("ab"):
                events.append(event)

        assert len(events) == 2
        assert SECRET not in str(raised.value)


async def test_an_overload_tells_when_to_come_back() -> None:
    async with inside() as (_, client):
        with pytest.raises(Overloaded) as raised:
            await client.generate(BUSY).collect()

        assert raised.value.retry_delay == 1.0


async def test_the_deadline_ends_the_call_on_both_sides() -> None:
    async with inside() as (server, client):
        with pytest.raises(DeadlineExceeded):
            await client.generate(ENDLESS, timeout=0.2).collect()

        await until(server, running=0)


async def test_a_reader_that_leaves_ends_the_work() -> None:
    async with inside() as (server, client):
        async with client.generate(ENDLESS) as stream:
            await anext(stream)
            assert _running(server) == 1

        await until(server, running=0)


async def test_a_reader_that_takes_nothing_stops_the_writer_and_is_told_so() -> None:
    async with inside(stall_seconds=0.3) as (server, client):
        stream = client.generate(FLOOD)
        await anext(stream)
        await until(server, running=0)

        with pytest.raises(DeadlineExceeded, match="nothing of the stream was read"):
            await stream.collect()


async def test_closing_the_client_ends_what_runs() -> None:
    async with inside() as (server, client):
        stream = client.generate(ENDLESS)
        await anext(stream)
        await client.close()

        await until(server, running=0)
