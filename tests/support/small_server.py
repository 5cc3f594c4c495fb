"""A real server with a real router over one tiny space, and a servicer that fails as bad code does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tieback.core.errors import Overloaded
from tieback.router import Component, Router
from tieback.serving.conversions.codec import writing
from tieback.serving.conversions.vectors import write_space
from tieback.serving.metrics.observed import observed
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.requests import rpcs
from tieback.serving.servicers.of_port import servicer
from tieback.serving.settings import Settings
from tieback.v1 import content_pb2, encoder_pb2, generator_pb2, generator_pb2_grpc, router_pb2, vector_pb2
from tieback_contract.vectors import SpaceRef, Vector

SPACE = SpaceRef("tiny", "r1", "f1")
BUSY = "busy"
ENDLESS = "endless"
FLOOD = "flood"
SECRET = "/etc/secret/path 10.0.0.7 actor 0badcafe"


class BrokenGenerator(generator_pb2_grpc.GeneratorServiceServicer):
    """Fails with an exception that is not ours, after as many events as the prompt is long.

    BUSY is refused, ENDLESS goes on for as long as its caller reads, and FLOOD does so with
    much at a time.
    """

    def __init__(self) -> None:
        self.cancelled = 0

    async def Generate(self, request: generator_pb2.GenerateRequest, context: Any) -> AsyncIterator[Any]:
        if request.prompt == BUSY:
            raise Overloaded("too much waits", retry_after=1.0)
        while request.prompt == FLOOD:
            yield generator_pb2.GenerateResponse(text=generator_pb2.TextDelta(text=FLOOD * 20_000))
        while request.prompt == ENDLESS:
            yield generator_pb2.GenerateResponse(text=generator_pb2.TextDelta(text=ENDLESS))
            await asyncio.sleep(0.05)
        for letter in request.prompt:
            yield generator_pb2.GenerateResponse(text=generator_pb2.TextDelta(text=letter))
        raise ValueError(SECRET)


class SmallServer:
    """The server's address, its telemetry and its parts."""

    def __init__(self, settings: Settings, *, shared_port: bool = False, behind: bool = False) -> None:
        self.settings = settings
        self.telemetry = Telemetry(settings)
        self.grpc = GrpcServer(settings, self.telemetry, shared_port=shared_port, behind=behind)
        router = observed(Router([Component(SPACE, 3)]), self.telemetry)
        self.grpc.add(servicer(router, rpcs.ROUTER))
        self.grpc.add(BrokenGenerator())
        self.port = 0

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def value(self, name: str, **labels: str) -> float:
        return self.telemetry.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def small_server(*, behind: bool = False, **settings: Any) -> AsyncIterator[SmallServer]:
    made = Settings(models=Path("unused"), store=Path("unused"), drain_seconds=1, **settings)
    server = SmallServer(made, behind=behind)
    server.port = await server.grpc.start("127.0.0.1", 0)
    await server.grpc.set_all_ready(True)
    try:
        yield server
    finally:
        await server.grpc.drain(0)


@asynccontextmanager
async def channel(
    server: SmallServer, credentials: grpc.ChannelCredentials | None = None, **options: Any
) -> AsyncIterator[grpc.aio.Channel]:
    arguments = [(f"grpc.{name}", value) for name, value in options.items()]
    if credentials is None:
        made = grpc.aio.insecure_channel(server.address, options=arguments)
    else:
        made = grpc.aio.secure_channel(server.address, credentials, options=arguments)
    async with made:
        yield made


def fuse_request(*values: float) -> router_pb2.FuseRequest:
    vector = Vector(np.array(values or (1.0, 0.0, 0.0), np.float32), SPACE)
    dense = writing(Vector, vector_pb2.Vector)(vector)
    encoding = encoder_pb2.Encoding(space=write_space(SPACE), modality=content_pb2.MODALITY_TEXT, dense=dense)
    return router_pb2.FuseRequest(
        inputs=[router_pb2.FuseInput(parts=[router_pb2.FusePart(encoding=encoding)])]
    )
