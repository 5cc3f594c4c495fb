"""A stream whose caller reads nothing ends."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from support.small_server import ENDLESS, FLOOD, channel, small_server
from tieback.v1 import generator_pb2, generator_pb2_grpc

STALL = 0.5


async def test_a_stream_that_is_not_read_ends_with_a_status_that_says_so() -> None:
    async with small_server(stall_seconds=STALL) as server, channel(server) as to_server:
        stub = generator_pb2_grpc.GeneratorServiceStub(to_server)
        stalled = stub.Generate(generator_pb2.GenerateRequest(prompt=FLOOD))
        await stalled.read()

        async with asyncio.timeout(20):
            while server.value("tieback_in_flight", service="GeneratorService", method="Generate"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while await stalled.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
                pass
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "nothing of the stream was read for 0.5 s" in str(caught.value.details())


async def test_a_stream_that_is_read_lasts_longer_than_a_stall_may() -> None:
    async with small_server(stall_seconds=STALL) as server, channel(server) as to_server:
        stub = generator_pb2_grpc.GeneratorServiceStub(to_server)
        call = stub.Generate(generator_pb2.GenerateRequest(prompt=ENDLESS))

        for _ in range(int(4 * STALL / 0.05)):
            assert await call.read()
        call.cancel()
