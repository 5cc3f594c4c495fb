"""What a caller can have the server do before it is known who calls, and by opening calls alone."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.attacks import attack, watched
from support.small_server import channel, fuse_request, small_server
from support.statuses import Failure, trailing
from support.tenants import write_tokens
from tieback.serving.requests import interceptor
from tieback.v1 import router_pb2_grpc

FUSE = "/tieback.v1.RouterService/Fuse"
GENERATE = "/tieback.v1.GeneratorService/Generate"
HEALTH = "/grpc.health.v1.Health/"
FREEZE = 2.0
"""Seconds. The aim is 0.1 s; a machine that runs tests has much else to do."""

BOMBS = """
import sys, grpc
bomb = bytes(32 << 20)
refused = 0
with grpc.insecure_channel(sys.argv[1]) as channel:
    calls = [
        channel.unary_unary(sys.argv[2]).future(bomb, compression=grpc.Compression.Gzip, timeout=60)
        for _ in range(50)
    ]
    for call in calls:
        refused += call.code() is grpc.StatusCode.UNAUTHENTICATED
print(refused)
"""

OPENED = """
import asyncio, collections, sys, grpc

async def outcome(call):
    await call.wait_for_connection()
    return (await call.code()).name

async def main():
    channels = [
        grpc.aio.insecure_channel(sys.argv[1], options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(20)
    ]
    for channel in channels:
        await channel.channel_ready()
    calls = [channel.stream_stream(sys.argv[2])() for channel in channels for _ in range(500)]
    waiting = [asyncio.ensure_future(outcome(call)) for call in calls]
    for _ in range(600):
        done, pending = await asyncio.wait(waiting, timeout=0.1)
        if len(done) >= int(sys.argv[3]):
            break
    print(collections.Counter(task.result() for task in done), len(pending))
    for task in pending:
        task.cancel()
    for call in calls:
        call.cancel()

asyncio.run(main())
"""


def tokens_file(folder: Path) -> Path:
    return write_tokens(folder / "tokens", {"acme": {"right": "admin"}, "other": {"too": "admin"}})


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
@pytest.mark.parametrize("method", [FUSE, GENERATE])
async def test_a_call_without_a_token_is_refused_whole_whatever_the_callers_kind(
    tmp_path: Path, kind: str, method: str
) -> None:
    def ask() -> grpc.RpcError:
        request = fuse_request().SerializeToString()
        given = request if kind.startswith("unary") else iter([request] * 3)
        with grpc.insecure_channel(server.address) as made, pytest.raises(grpc.RpcError) as caught:
            answer = getattr(made, kind)(method)(given, metadata=(("x-request-id", "mine"),), timeout=10)
            next(answer)
        return caught.value

    async with small_server(tokens=tokens_file(tmp_path)) as server:
        error = await asyncio.to_thread(ask)
        await asyncio.sleep(0.2)  # the caller has its answer before the server has counted it

        failure = Failure.of(error)
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert failure.reason == "UNAUTHENTICATED"
        assert "authorization" in failure.message
        assert trailing(error)["x-request-id"] == "mine"
        service, _, name = method.rpartition(".")[2].partition("/")
        labels = {"service": service, "method": name}
        assert server.value("tieback_requests_total", code="UNAUTHENTICATED", **labels) == 1
        assert server.value("tieback_in_flight", **labels) == 0


async def test_a_call_without_a_token_is_refused_before_its_request_is_sent(tmp_path: Path) -> None:
    async with small_server(tokens=tokens_file(tmp_path)) as server, channel(server) as made:
        call = made.stream_stream(FUSE, None, None)(None)  # a unary method, opened and never asked
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(call.read(), 5)

        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_fifty_bombs_without_a_token_cost_nothing(tmp_path: Path) -> None:
    async with small_server(tokens=tokens_file(tmp_path)) as server, watched(server.address) as felt:
        refused = await attack(BOMBS, server.address, FUSE)

        assert int(refused) == 50
        assert felt.growth < 64 << 20
        assert max(felt.checks) < FREEZE


async def test_of_ten_thousand_opened_calls_those_past_the_limit_are_refused_and_health_is_told() -> None:
    async with small_server() as server, watched(server.address) as felt:
        outcomes = await attack(OPENED, server.address, FUSE, "8976")

        # gRPC itself drops what comes faster than it is refused.
        refused, held = outcomes.rsplit(maxsplit=1)
        assert set(re.findall("[A-Z_]{4,}", refused)) <= {"RESOURCE_EXHAUSTED", "CANCELLED"}
        assert "RESOURCE_EXHAUSTED" in refused
        assert int(held) == 1024
        assert max(felt.checks) < FREEZE
        assert felt.growth < 96 << 20  # some 50 MB
        assert server.value("tieback_in_flight", service="RouterService", method="Fuse") == 0


async def test_a_refused_call_says_the_limit_and_when_to_come_back_and_a_closed_one_makes_room() -> None:
    async with small_server(open_calls=1) as server, channel(server) as made:
        stub = router_pb2_grpc.RouterServiceStub(made)
        held = made.stream_stream(FUSE, None, None)(None)
        await asyncio.sleep(0.1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Fuse(fuse_request())

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "1 open calls" in Failure.of(caught.value).message
        assert Failure.of(caught.value).retry_seconds == 1.0
        held.cancel()
        await asyncio.sleep(0.1)
        await stub.Fuse(fuse_request())


async def test_a_call_that_never_sends_its_request_is_ended_and_makes_room() -> None:
    async with small_server(open_calls=1, stall_seconds=0.5) as server, channel(server) as made:
        silent = made.stream_stream(FUSE, None, None)(None)
        assert await asyncio.wait_for(silent.code(), 5) is grpc.StatusCode.DEADLINE_EXCEEDED
        await router_pb2_grpc.RouterServiceStub(made).Fuse(
            fuse_request()
        )  # read in the same way, and answered

        assert server.value("tieback_in_flight", service="RouterService", method="Fuse") == 0


async def test_one_tenants_open_calls_leave_room_for_another(tmp_path: Path) -> None:
    async with (
        small_server(tokens=tokens_file(tmp_path), open_calls=2) as server,
        channel(server) as made,
    ):
        stub = router_pb2_grpc.RouterServiceStub(made)
        acme, other = ((("authorization", f"Bearer {token}"),) for token in ("right", "too"))
        held = made.stream_stream(FUSE, None, None)(None, metadata=acme)
        await asyncio.sleep(0.1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Fuse(fuse_request(), metadata=acme)
        await stub.Fuse(fuse_request(), metadata=other)

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "tenant" in str(caught.value.details())
        held.cancel()


async def test_health_checks_that_send_nothing_do_not_keep_others_from_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interceptor, "READING", 1)
    async with small_server() as server, channel(server) as made:
        silent = made.stream_stream(f"{HEALTH}Check", None, None)(None)
        await asyncio.sleep(0.1)
        answer = await health_pb2_grpc.HealthStub(made).Check(health_pb2.HealthCheckRequest(service="nobody"))

        assert answer.status == health_pb2.HealthCheckResponse.SERVING  # of the server as a whole
        assert await silent.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_health_check_brings_no_bomb() -> None:
    async with small_server() as server, channel(server) as made:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await made.unary_unary(f"{HEALTH}Check", None, None)(
                bytes(1 << 20), compression=grpc.Compression.Gzip
            )

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_number_of_watches_of_health_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interceptor, "WATCHES", 1)
    async with small_server() as server, channel(server) as made:
        stub = health_pb2_grpc.HealthStub(made)
        first = stub.Watch(health_pb2.HealthCheckRequest())
        await first.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Watch(health_pb2.HealthCheckRequest()).read()

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status
        first.cancel()
