"""What every call passes: decoding, tokens, ids, deadlines, errors, counting."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from support.small_server import BUSY, SECRET, channel, fuse_request, small_server
from support.statuses import trailing
from support.tenants import write_tokens
from tieback.serving.metrics import logs
from tieback.serving.settings import Settings
from tieback.v1 import generator_pb2, generator_pb2_grpc, router_pb2_grpc

FUSE = "/tieback.v1.RouterService/Fuse"

M = TypeVar("M", bound=Message)


def details(error: grpc.aio.AioRpcError, kind: type[M]) -> list[M]:
    status = status_pb2.Status.FromString(trailing(error)["grpc-status-details-bin"])
    found = []
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            message = kind()
            packed.Unpack(message)
            found.append(message)
    return found


async def test_a_good_call_is_answered_counted_and_carries_its_request_id() -> None:
    async with small_server() as server, channel(server) as made:
        call = router_pb2_grpc.RouterServiceStub(made).Fuse(
            fuse_request(), metadata=(("x-request-id", "given-by-me"),)
        )
        response = await call

        assert response.results[0].fused.vector.values.shape == [3]
        assert dict(await call.trailing_metadata())["x-request-id"] == "given-by-me"
        assert server.value("tieback_requests_total", service="RouterService", method="Fuse", code="OK") == 1
        assert server.value("tieback_in_flight", service="RouterService", method="Fuse") == 0


async def test_a_request_id_that_could_break_a_log_is_replaced() -> None:
    async with small_server() as server, channel(server) as made:
        call = router_pb2_grpc.RouterServiceStub(made).Fuse(
            fuse_request(), metadata=(("x-request-id", "two words"),)
        )
        await call

        assert dict(await call.trailing_metadata())["x-request-id"] != "two words"


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x7f"])
async def test_bytes_that_are_no_message_are_an_invalid_argument(data: bytes) -> None:
    async with small_server() as server, channel(server) as made:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await made.unary_unary(FUSE, None, None)(data)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert details(caught.value, error_details_pb2.ErrorInfo)[0].reason == "MALFORMED_MESSAGE"


async def test_text_that_is_not_utf_8_is_an_invalid_argument() -> None:
    lone_surrogate = "\ud800".encode("utf-8", "surrogatepass")
    prompt = b"\x12" + bytes([len(lone_surrogate)]) + lone_surrogate  # GenerateRequest.prompt
    async with small_server() as server, channel(server) as made:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in made.unary_stream("/tieback.v1.GeneratorService/Generate", None, None)(prompt):
                pass

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_exception_that_is_not_ours_says_nothing_of_the_inside() -> None:
    async with small_server() as server, channel(server) as made:
        stub = generator_pb2_grpc.GeneratorServiceStub(made)
        texts = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for event in stub.Generate(generator_pb2.GenerateRequest(prompt="ab")):
                texts.append(event.text.text)

        assert texts == ["a", "b"]
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        everything = str(caught.value.details()) + str(caught.value.trailing_metadata())
        assert not any(word in everything for word in SECRET.split())


async def test_a_deadline_of_one_millisecond_is_exceeded_and_frees_the_call() -> None:
    async with small_server() as server, channel(server) as made:
        stub = router_pb2_grpc.RouterServiceStub(made)
        request = fuse_request()
        request.inputs.extend([request.inputs[0]] * 1000)  # more than a millisecond's work
        await stub.Fuse(fuse_request())  # connects
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Fuse(request, timeout=0.001)

        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await stub.Fuse(fuse_request())
        assert server.value("tieback_in_flight", service="RouterService", method="Fuse") == 0


async def test_a_message_over_the_limit_is_refused_with_both_numbers() -> None:
    async with small_server(message_bytes=10_000) as server, channel(server) as made:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await router_pb2_grpc.RouterServiceStub(made).Fuse(fuse_request(*([0.5] * 5_000)))

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "10000" in str(caught.value.details())


async def test_a_message_that_decompresses_past_the_limit_is_refused() -> None:
    async with small_server(message_bytes=100_000) as server, channel(server) as made:
        bomb = fuse_request(*([0.5] * 5_000_000))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await router_pb2_grpc.RouterServiceStub(made).Fuse(bomb, compression=grpc.Compression.Gzip)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "100000 bytes when it is decompressed" in str(caught.value.details())


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_calls_are_answered(compression: grpc.Compression) -> None:
    async with small_server() as server, channel(server) as made:
        response = await router_pb2_grpc.RouterServiceStub(made).Fuse(fuse_request(), compression=compression)

        assert len(response.results) == 1


async def test_log_lines_hold_facts_and_neither_content_nor_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = write_tokens(tmp_path / "tokens", {"acme": {"s3cret-token": "read"}})
    try:
        async with small_server(tokens=tokens) as server, channel(server) as made:
            logs.configure(Settings(log_format="json", log_level="debug"))
            stub = generator_pb2_grpc.GeneratorServiceStub(made)
            with pytest.raises(grpc.aio.AioRpcError):
                async for _ in stub.Generate(
                    generator_pb2.GenerateRequest(prompt="confidential"),
                    metadata=(("authorization", "Bearer s3cret-token"),),
                ):
                    pass
    finally:
        logging.getLogger(logs.ROOT).handlers.clear()

    written = capsys.readouterr().err
    calls = [json.loads(line) for line in written.splitlines()]
    call = next(line for line in calls if line["message"] == "call")
    assert call["tenant"] == "acme"
    assert call["code"] == "INTERNAL"
    assert call["request_id"]
    assert "confidential" not in written
    assert "s3cret" not in written


@pytest.mark.parametrize("told", [True, False])
async def test_a_call_that_succeeds_has_a_line_at_info_with_its_sizes_unless_that_is_turned_off(
    capsys: pytest.CaptureFixture[str], told: bool
) -> None:
    request = fuse_request()
    try:
        async with small_server(log_level="info" if told else "notice") as server, channel(server) as made:
            logs.configure(Settings(log_format="json"))
            call = router_pb2_grpc.RouterServiceStub(made).Fuse(
                request, metadata=(("x-request-id", "Root=1-67891233-abcdef/7"),)
            )
            response = await call
    finally:
        logging.getLogger(logs.ROOT).handlers.clear()

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    calls = [line for line in lines if line["message"] == "call"]
    assert len(calls) == told
    if told:
        assert calls[0]["milliseconds"] > 0
        assert {key: calls[0][key] for key in ("level", "method", "code", "request_id")} == {
            "level": "info",
            "method": "tieback.v1.RouterService/Fuse",
            "code": "OK",
            "request_id": "Root=1-67891233-abcdef/7",
        }
        assert calls[0]["request_bytes"] == request.ByteSize()
        assert calls[0]["response_bytes"] == response.ByteSize()


async def test_behind_the_gateway_a_call_that_succeeds_has_no_line_at_info(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        async with small_server(behind=True) as server, channel(server) as made:
            logs.configure(Settings(log_format="json"))
            await router_pb2_grpc.RouterServiceStub(made).Fuse(fuse_request())
    finally:
        logging.getLogger(logs.ROOT).handlers.clear()

    assert '"call"' not in capsys.readouterr().err


async def test_of_a_crowd_of_refusals_all_are_counted_and_few_are_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        async with small_server() as server, channel(server) as made:
            logs.configure(Settings(log_format="json", log_level="info"))
            stub = generator_pb2_grpc.GeneratorServiceStub(made)
            for _ in range(20):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    async for _event in stub.Generate(generator_pb2.GenerateRequest(prompt=BUSY)):
                        pass
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert (
                server.value(
                    "tieback_requests_total",
                    service="GeneratorService",
                    method="Generate",
                    code="RESOURCE_EXHAUSTED",
                )
                == 20
            )
    finally:
        logging.getLogger(logs.ROOT).handlers.clear()

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert 1 <= len([line for line in lines if line.get("code") == "RESOURCE_EXHAUSTED"]) <= 3


@pytest.mark.parametrize("metadata", [(), (("tieback-bulk", "1"),), (("tieback-begun", "1"),)])
async def test_a_refusal_is_counted_whatever_mark_its_caller_sends(
    metadata: tuple[tuple[str, str], ...],
) -> None:
    async with small_server() as server, channel(server) as made:
        generate = generator_pb2_grpc.GeneratorServiceStub(made).Generate
        with pytest.raises(grpc.aio.AioRpcError):
            async for _event in generate(generator_pb2.GenerateRequest(prompt=BUSY), metadata=metadata):
                pass

        assert server.value("tieback_rejections_total", service="GeneratorService", reason="OVERLOADED") == 1


async def test_calls_are_counted_by_tenant_and_those_of_nobody_known_are_not(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", {"acme": {"a": "read"}, "globex": {"b": "read"}})
    async with small_server(tokens=tokens) as server, channel(server) as made:
        stub = router_pb2_grpc.RouterServiceStub(made)
        for token in ("a", "a", "b"):
            await stub.Fuse(fuse_request(), metadata=(("authorization", f"Bearer {token}"),))
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Fuse(fuse_request(), metadata=(("authorization", "Bearer wrong"),))
        with pytest.raises(grpc.aio.AioRpcError):
            generate = generator_pb2_grpc.GeneratorServiceStub(made).Generate
            async for _ in generate(
                generator_pb2.GenerateRequest(prompt=BUSY), metadata=(("authorization", "Bearer a"),)
            ):
                pass

        page = server.telemetry.page().decode()
    lines = {line for line in page.splitlines() if line.startswith("tieback_tenant_")}
    assert {line for line in lines if "_total{" in line} == {
        'tieback_tenant_requests_total{code="OK",tenant="acme"} 2.0',
        'tieback_tenant_requests_total{code="OK",tenant="globex"} 1.0',
        'tieback_tenant_requests_total{code="RESOURCE_EXHAUSTED",tenant="acme"} 1.0',
        'tieback_tenant_rejections_total{reason="OVERLOADED",tenant="acme"} 1.0',
    }
