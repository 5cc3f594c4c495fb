"""Streams that are open when the tokens change."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.small_server import ENDLESS, SmallServer, channel, small_server
from support.statuses import Failure, trailing
from support.tenants import write_tokens
from tieback.v1 import generator_pb2, generator_pb2_grpc

OLD = (("authorization", "Bearer old"), ("x-request-id", "mine"))
KEPT = (("authorization", "Bearer kept"),)


def endless(made: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> Any:
    stub = generator_pb2_grpc.GeneratorServiceStub(made)
    return stub.Generate(generator_pb2.GenerateRequest(prompt=ENDLESS), metadata=metadata)


async def ended(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        while True:
            await asyncio.wait_for(call.read(), 5)
    return caught.value


def value(server: SmallServer, name: str, **labels: str) -> float:
    return server.value(name, service="GeneratorService", method="Generate", **labels)


async def test_a_revoked_token_ends_its_open_streams_and_no_others(tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"old": "read", "kept": "read"}})
    async with small_server(tokens=file) as server, channel(server) as made:
        lost, kept = endless(made, OLD), endless(made, KEPT)
        await lost.read()
        write_tokens(file, {"acme": {"kept": "read"}})
        begin = time.monotonic()
        error = await ended(lost)

        assert time.monotonic() - begin < 3  # the file is looked at once a second
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert Failure.of(error).reason == "UNAUTHENTICATED"
        assert trailing(error)["x-request-id"] == "mine"
        assert (await kept.read()).text.text == ENDLESS
        assert value(server, "tieback_requests_total", code="UNAUTHENTICATED") == 1
        assert value(server, "tieback_in_flight") == 1
        kept.cancel()


async def test_a_stream_that_waits_for_its_caller_ends_too(tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"old": "read"}})
    async with small_server(tokens=file) as server, channel(server) as made:
        call = reflection_pb2_grpc.ServerReflectionStub(made).ServerReflectionInfo(metadata=OLD)
        request: Message = reflection_pb2.ServerReflectionRequest(list_services="")
        await call.write(request)
        await call.read()
        write_tokens(file, {"acme": {"new": "read"}})

        assert (await ended(call)).code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_stream_whose_token_may_do_something_else_now_is_to_be_opened_again(tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"old": "admin"}})
    async with small_server(tokens=file) as server, channel(server) as made:
        call = endless(made, OLD)
        await call.read()
        write_tokens(file, {"acme": {"old": "read"}})

        assert (await ended(call)).code() is grpc.StatusCode.UNAVAILABLE
        again = endless(made, OLD)
        assert (await again.read()).text.text == ENDLESS
        again.cancel()


async def test_a_stream_ends_and_lets_go_even_where_its_caller_reads_nothing(tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens", {"acme": {"old": "read"}})
    async with small_server(tokens=file) as server, channel(server) as made:
        call = endless(made, OLD)
        await call.initial_metadata()
        write_tokens(file, {"acme": {"new": "read"}})
        for _ in range(50):
            if not value(server, "tieback_in_flight"):
                break
            await asyncio.sleep(0.1)

        assert value(server, "tieback_in_flight") == 0
        assert (await ended(call)).code() is grpc.StatusCode.UNAUTHENTICATED
