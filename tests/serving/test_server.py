"""Health, reflection and the way a server ends."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.small_server import channel, fuse_request, small_server
from tieback.core.errors import StartupError
from tieback.v1 import router_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
ROUTER = "tieback.v1.RouterService"


async def status(made: grpc.aio.Channel, service: str) -> int:
    answer = await health_pb2_grpc.HealthStub(made).Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


async def test_each_service_and_the_whole_have_a_health_of_their_own() -> None:
    async with small_server() as server, channel(server) as made:
        assert await status(made, ROUTER) == SERVING
        assert await status(made, "") == SERVING

        await server.grpc.set_ready(ROUTER, False)

        assert await status(made, ROUTER) == NOT_SERVING
        assert await status(made, "tieback.v1.GeneratorService") == SERVING
        assert await status(made, "") == NOT_SERVING


async def test_the_health_of_an_unknown_service_is_not_found() -> None:
    async with small_server() as server, channel(server) as made:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await status(made, "nobody")

        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_watching_a_service_tells_of_each_change() -> None:
    async with small_server() as server, channel(server) as made:
        watch = health_pb2_grpc.HealthStub(made).Watch(health_pb2.HealthCheckRequest(service=ROUTER))
        seen = [(await watch.read()).status]
        await server.grpc.set_ready(ROUTER, False)
        seen.append((await watch.read()).status)
        watch.cancel()

        assert seen == [SERVING, NOT_SERVING]


async def test_reflection_lists_and_describes_the_services() -> None:
    async with small_server() as server, channel(server) as made:
        stub = reflection_pb2_grpc.ServerReflectionStub(made)
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=ROUTER),
        ]
        answers = [answer async for answer in stub.ServerReflectionInfo(iter(requests))]

        assert ROUTER in {service.name for service in answers[0].list_services_response.service}
        file = FileDescriptorProto.FromString(answers[1].file_descriptor_response.file_descriptor_proto[0])
        assert [method.name for method in file.service[0].method] == ["Fuse"]


async def test_channelz_shows_the_server_where_it_is_asked_for() -> None:
    async with small_server(doors=("channelz",)) as server, channel(server) as made:
        await router_pb2_grpc.RouterServiceStub(made).Fuse(fuse_request())
        answer = await channelz_pb2_grpc.ChannelzStub(made).GetServers(channelz_pb2.GetServersRequest())

        assert any(one.data.calls_started for one in answer.server)


async def test_a_draining_server_says_so_and_ends() -> None:
    async with small_server() as server, channel(server) as made:
        watch = health_pb2_grpc.HealthStub(made).Watch(health_pb2.HealthCheckRequest(service=""))
        assert (await watch.read()).status == SERVING

        draining = asyncio.create_task(server.grpc.drain(1))

        assert (await watch.read()).status == NOT_SERVING
        watch.cancel()
        await draining
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await router_pb2_grpc.RouterServiceStub(made).Fuse(fuse_request(), timeout=1)
        assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


async def test_a_taken_port_stops_the_start_and_says_how_to_go_on() -> None:
    async with small_server() as server, small_server() as other:
        with pytest.raises(StartupError, match="--port"):
            await other.grpc.__class__(other.settings, other.telemetry).start("127.0.0.1", server.port)


async def test_a_burst_of_calls_is_answered_to_the_last_one() -> None:
    async with small_server() as server, channel(server) as made:
        stub = router_pb2_grpc.RouterServiceStub(made)
        outcomes = await asyncio.gather(
            *(stub.Fuse(fuse_request()) for _ in range(4000)), return_exceptions=True
        )

    assert not [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
