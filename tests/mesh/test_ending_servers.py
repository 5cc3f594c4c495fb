"""Servers that end while calls run on them, beyond the time that they have to drain."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from prometheus_client import CollectorRegistry
from support.small_server import fuse_request
from tieback.core.deadline import Deadline
from tieback.serving.contract import METHODS
from tieback.serving.directory import Directory
from tieback.serving.mesh import Mesh
from tieback_client import AsyncClient, Health

FUSE = METHODS["/tieback.v1.RouterService/Fuse"]
SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse


class Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Answers every call after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.begun = asyncio.Event()
        self._seconds = seconds

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        async def answer(_: bytes, __: Any) -> bytes:
            self.begun.set()
            await asyncio.sleep(self._seconds)
            return SERVING

        return grpc.unary_unary_rpc_method_handler(answer)


async def started(seconds: float, port: int = 0) -> tuple[grpc.aio.Server, Handler, int]:
    server, handler = grpc.aio.server(), Handler(seconds)
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, handler, port


async def test_a_call_that_an_ending_replica_cancels_is_asked_of_another() -> None:
    ending, handler, first = await started(60.0)
    staying, _, second = await started(0.0)
    directory = Directory()
    directory.update("router", {"a": {"address": f"127.0.0.1:{first}"}})
    made = Mesh(directory, registry=CollectorRegistry())

    asked = asyncio.create_task(
        made.unary("router", FUSE, fuse_request().SerializeToString(), deadline=Deadline.after(20.0))
    )
    await handler.begun.wait()
    directory.update("router", {"b": {"address": f"127.0.0.1:{second}"}})
    await ending.stop(0.05)

    assert await asked == SERVING
    await made.close()
    await staying.stop(None)


async def test_a_call_that_an_ending_server_cancels_is_sent_again_by_the_sdk() -> None:
    ending, handler, port = await started(60.0)

    async with AsyncClient(f"127.0.0.1:{port}", timeout=30) as client:
        asked = asyncio.create_task(client.health())
        await handler.begun.wait()
        await ending.stop(0.05)
        again, _, _ = await started(0.0, port)

        assert await asked is Health.SERVING
        assert client.retries >= 1
    await again.stop(None)
