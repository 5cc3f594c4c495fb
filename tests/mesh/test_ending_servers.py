"""Servers that end while calls have arrived that they have not begun."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from prometheus_client import CollectorRegistry
from tieback.core.deadline import Deadline
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.directory import Directory
from tieback.serving.requests.contract import METHODS
from tieback_client import Client, Health

FUSE = METHODS["/tieback.v1.RouterService/Fuse"]
CALLS = 6
STUCK = 0.8  # seconds
SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse


class Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Answers every call after some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        async def answer(_: bytes, __: Any) -> bytes:
            await asyncio.sleep(self._seconds)
            return SERVING

        return grpc.unary_unary_rpc_method_handler(answer)


async def started(seconds: float, port: int = 0) -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(seconds),))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, port


async def test_calls_that_an_ending_replica_never_began_are_asked_of_another() -> None:
    ending, first = await started(60.0)
    staying, second = await started(0.0)
    directory = Directory()
    directory.update("router", {"a": {"address": f"127.0.0.1:{first}"}})
    made = Mesh(directory, registry=CollectorRegistry())
    deadline = Deadline.after(30.0)
    asked = [asyncio.create_task(made.unary("router", FUSE, b"", deadline=deadline)) for _ in range(CALLS)]
    for _ in range(50):
        await asyncio.sleep(0.002)

    time.sleep(STUCK)  # noqa: ASYNC251 - the event loop of the server is busy while calls arrive
    directory.update("router", {"b": {"address": f"127.0.0.1:{second}"}})
    await ending.stop(0)

    assert await asyncio.gather(*asked) == [SERVING] * CALLS
    await made.close()
    await staying.stop(None)


async def test_calls_that_an_ending_server_never_began_are_sent_again_by_the_sdk() -> None:
    ending, port = await started(60.0)
    found: list[Health] = []

    def ask() -> None:
        with Client(f"127.0.0.1:{port}", timeout=30) as client:
            with ThreadPoolExecutor(CALLS) as threads:
                found.extend(threads.map(lambda _: client.health(), range(CALLS)))
            assert client.retries >= CALLS

    asking = asyncio.create_task(asyncio.to_thread(ask))
    await asyncio.sleep(0)
    time.sleep(STUCK)  # noqa: ASYNC251 - as above
    await ending.stop(0)
    again, _ = await started(0.0, port)

    await asking
    assert found == [Health.SERVING] * CALLS
    await again.stop(None)
