"""Which replicas a client is told of, and that several gateways share a port."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import grpc
from prometheus_client import CollectorRegistry
from support.small_server import SmallServer, fuse_request
from tieback.core.types.load import Load
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.directory import Directory
from tieback.serving.mesh.peers import write_load
from tieback.serving.processes.gateway import direct_endpoints
from tieback.serving.settings import Settings
from tieback.v1 import router_pb2_grpc
from tieback_contract.server import Endpoint

TARGET = "encoder:tiny"


async def test_clients_are_told_of_the_replicas_that_take_their_calls_and_of_their_load() -> None:
    directory = Directory()
    mesh = Mesh(directory, registry=CollectorRegistry())
    directory.update(
        TARGET,
        {
            "a": {"address": "127.0.0.1:1", "direct_address": "10.0.0.1:7001"},
            "b": {"address": "127.0.0.1:2", "direct_address": "10.0.0.2:7002"},
            "c": {"address": "127.0.0.1:3"},
        },
    )
    mesh.peer("127.0.0.1:2").observe([write_load(Load(queued_tokens=300, tokens_per_second=1_500.0))])

    assert direct_endpoints(mesh, TARGET) == [
        Endpoint("10.0.0.1:7001"),
        Endpoint("10.0.0.2:7002", 300, 1_500.0),
    ]
    await mesh.close()


async def test_gateways_that_share_a_port_share_the_connections() -> None:
    one, two = (SmallServer(Settings(drain_seconds=0), shared_port=True) for _ in range(2))
    port = await one.grpc.start("127.0.0.1", 0)
    assert await two.grpc.start("127.0.0.1", port) == port

    async with AsyncExitStack() as stack:
        # Channels of one process share a connection unless they are told not to.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) for _ in range(24)]
        for channel in channels:
            await stack.enter_async_context(channel)
        await asyncio.gather(
            *(router_pb2_grpc.RouterServiceStub(channel).Fuse(fuse_request()) for channel in channels)
        )

    labels = {"service": "RouterService", "method": "Fuse", "code": "OK"}
    answered = [server.value("tieback_requests_total", **labels) for server in (one, two)]
    assert sum(answered) == 24
    assert min(answered) > 0
    for server in (one, two):
        await server.grpc.drain(0)
