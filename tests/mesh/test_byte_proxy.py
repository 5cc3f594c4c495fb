"""What the gateway reads of a request that it hands on, and how errors come back through it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from support.counting_encoder import CountingServer, counting_server
from support.each import each
from support.small_server import SECRET, SmallServer, fuse_request, small_server
from tieback.core.errors import InvalidInput, Unavailable
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.byte_proxy import ByteProxy
from tieback.serving.mesh.coalescing import Coalescer
from tieback.serving.mesh.directory import Directory
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.requests import failures
from tieback.serving.requests.wire import read_text
from tieback.serving.settings import Settings
from tieback.v1 import (
    content_pb2,
    encoder_pb2,
    encoder_pb2_grpc,
    generator_pb2,
    generator_pb2_grpc,
    router_pb2,
    router_pb2_grpc,
    vector_pb2,
)

PASSED = {
    "tieback.v1.EncoderService": "encoder",
    "tieback.v1.RouterService": "router",
    "tieback.v1.GeneratorService": "generator",
}


@given(st.text(max_size=40), st.lists(st.binary(max_size=300), max_size=4), st.booleans())
def test_the_space_of_an_encode_request_is_found_whatever_stands_beside_it(
    space: str, images: list[bytes], truncate: bool
) -> None:
    request = encoder_pb2.EncodeRequest(
        space=space,
        contents=[content_pb2.Content(image=image) for image in images],
        output=vector_pb2.OutputSpec(width=128),
        truncation=encoder_pb2.TRUNCATION_END if truncate else encoder_pb2.TRUNCATION_REFUSE,
    )

    assert read_text(request.SerializeToString(), 1) == space


def test_the_space_is_found_behind_the_other_fields_and_the_last_one_counts() -> None:
    contents = encoder_pb2.EncodeRequest(contents=[content_pb2.Content(text="a")]).SerializeToString()
    first = encoder_pb2.EncodeRequest(space="first").SerializeToString()
    second = encoder_pb2.EncodeRequest(space="second").SerializeToString()

    assert read_text(first + contents + second, 1) == "second"


@given(st.binary(max_size=60))
def test_bytes_that_are_no_message_are_refused_or_name_some_space(data: bytes) -> None:
    try:
        space = read_text(data, 1)
    except InvalidInput:
        return
    assert isinstance(space, str)


@each("data", [b"\x0a\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", b"\xff" * 12, b"\x0b"])
def test_a_malformed_request_is_invalid(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_text(data, 1)


@asynccontextmanager
async def door(
    server: SmallServer | CountingServer | None, *, coalesces: bool = False
) -> AsyncIterator[grpc.aio.Channel]:
    """A gateway's server before a small one, or before none."""
    settings = Settings(models=Path("unused"), store=Path("unused"), drain_seconds=0)
    telemetry = Telemetry(settings)
    directory = Directory()
    if server is not None:
        for name in ("router", "generator", "encoder:tiny"):
            directory.update(name, {"1": {"address": server.address}})
    mesh = Mesh(directory, registry=CollectorRegistry())
    coalescer = Coalescer(mesh) if coalesces else None
    gateway = GrpcServer(settings, telemetry)
    gateway.add_generic(PASSED, ByteProxy(mesh, PASSED, ["tiny"], coalescer=coalescer))
    port = await gateway.start("127.0.0.1", 0)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await gateway.drain(0)
        await mesh.close()


def details(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    trailing: Any = error.trailing_metadata()
    return status_pb2.Status.FromString(dict(trailing)[failures.DETAILS_KEY])


async def test_texts_are_split_by_the_encoder_that_the_request_names_and_share_no_hop() -> None:
    async with counting_server() as server, door(server, coalesces=True) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        response = await stub.SplitTexts(encoder_pb2.SplitTextsRequest(space="tiny", texts=["ab"]))
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await stub.SplitTexts(encoder_pb2.SplitTextsRequest(space="vast", texts=["ab"]))

    assert [piece.span.end_byte for piece in response.results[0].pieces.pieces] == [1, 2]
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


async def test_an_answer_comes_through_as_it_was_given() -> None:
    async with small_server() as server, door(server) as channel:
        response = await router_pb2_grpc.RouterServiceStub(channel).Fuse(fuse_request(0.0, 1.0, 0.0))

        assert response.results[0].fused.routing.policy == "uniform"


async def test_an_error_comes_through_with_its_details() -> None:
    async with small_server() as server, door(server) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await router_pb2_grpc.RouterServiceStub(channel).Fuse(router_pb2.FuseRequest())

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        bad = error_details_pb2.BadRequest()
        assert any(detail.Unpack(bad) for detail in details(caught.value).details)
        assert bad.field_violations[0].field == "inputs"


async def test_an_unknown_space_comes_back_with_the_choices() -> None:
    async with door(None) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="the choices are: tiny") as caught:
            await encoder_pb2_grpc.EncoderServiceStub(channel).Encode(
                encoder_pb2.EncodeRequest(space="tinny")
            )

        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_stream_comes_through_and_what_breaks_inside_stays_inside() -> None:
    async with small_server() as server, door(server) as channel:
        received = ""

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            call = generator_pb2_grpc.GeneratorServiceStub(channel).Generate(
                generator_pb2.GenerateRequest(prompt="xyz")
            )
            async for event in call:
                received += event.text.text
        assert received == "xyz"
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert SECRET not in str(caught.value)


async def test_a_deadline_too_short_for_the_hop_is_reported_as_such() -> None:
    async with door(None) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await router_pb2_grpc.RouterServiceStub(channel).Fuse(fuse_request(), timeout=0.15)

        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def batch(number: int, *texts: str, space: str = "tiny") -> encoder_pb2.EncodeStreamRequest:
    contents = [content_pb2.Content(text=text) for text in texts]
    return encoder_pb2.EncodeStreamRequest(
        id=number, request=encoder_pb2.EncodeRequest(space=space, contents=contents)
    )


async def test_a_stream_of_batches_comes_through_to_the_replica_of_its_space() -> None:
    async with counting_server() as server, door(server) as channel:
        call = encoder_pb2_grpc.EncoderServiceStub(channel).EncodeStream(
            iter([batch(1, "a"), batch(2, "bb", "ccc")])
        )
        counts = {
            response.id: [result.encoding.token_count for result in response.response.results]
            async for response in call
        }

        assert counts == {1: [1], 2: [2, 3]}
        assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_that_begins_with_an_unknown_space_is_told_the_choices() -> None:
    async with counting_server() as server, door(server) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="the choices are: tiny") as caught:
            call = encoder_pb2_grpc.EncoderServiceStub(channel).EncodeStream(
                iter([batch(1, "a", space="huge")])
            )
            async for _ in call:
                pass

        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_stream_without_a_batch_ends_well() -> None:
    async with door(None) as channel:
        call = encoder_pb2_grpc.EncoderServiceStub(channel).EncodeStream(iter([]))

        assert [response async for response in call] == []
        assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_whose_replica_is_lost_is_unavailable_so_that_its_caller_goes_on_elsewhere() -> None:
    async with counting_server() as server, door(server) as channel:
        call = encoder_pb2_grpc.EncoderServiceStub(channel).EncodeStream()
        await call.write(batch(1, "a"))
        assert (await call.read()).id == 1
        server.encoder.open.clear()
        await call.write(batch(2, "b"))
        await server.grpc.server.stop(None)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert details(caught.value).details


async def stream_at_work(server: CountingServer, channel: grpc.aio.Channel) -> Any:
    """A stream of which one batch is answered, and another is at work."""
    call = encoder_pb2_grpc.EncoderServiceStub(channel).EncodeStream()
    await call.write(batch(1, "a"))
    assert (await call.read()).id == 1
    server.encoder.open.clear()
    await call.write(batch(2, "b"))
    while len(server.encoder.calls) < 2:  # noqa: ASYNC110 - a list has no event
        await asyncio.sleep(0.001)
    return call


async def test_a_replica_that_drains_answers_what_it_has_read_and_sends_the_stream_elsewhere() -> None:
    async with counting_server() as server, door(server) as channel:
        call = await stream_at_work(server, channel)
        draining = asyncio.create_task(server.grpc.drain(5))
        await asyncio.sleep(0.5)
        server.encoder.open.set()

        assert (await call.read()).id == 2
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await draining


@each("seconds", [0, 0.3])
async def test_a_replica_whose_time_to_drain_is_over_sends_its_streams_elsewhere(seconds: float) -> None:
    async with counting_server() as server, door(server) as channel:
        call = await stream_at_work(server, channel)
        await server.grpc.drain(seconds)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@each("code", failures.LOST)
def test_a_call_that_ends_without_a_word_of_the_replica_is_unavailable(code: grpc.StatusCode) -> None:
    nothing = grpc.aio.Metadata()

    error = failures.from_rpc_error(
        grpc.aio.AioRpcError(code, nothing, nothing, details="of 10.0.0.7", debug_error_string="")
    )

    assert isinstance(error, Unavailable)
    assert "10.0.0.7" not in error.message


@given(st.text(max_size=20), st.integers(0, 2**40), st.lists(st.text(max_size=20), max_size=3))
def test_the_space_of_a_streams_batch_is_found_too(space: str, number: int, texts: list[str]) -> None:
    assert read_text(batch(number, *texts, space=space).SerializeToString(), 2, 1) == space
