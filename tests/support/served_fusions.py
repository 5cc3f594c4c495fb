"""A fusion's service behind a server of its own, which can be killed and started again at its port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.byte_proxy import ByteProxy
from tieback.serving.mesh.directory import Directory
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.requests import rpcs
from tieback.serving.servicers.of_port import servicer
from tieback.serving.settings import Settings
from tieback_lab.models.learned.fusion import LearnedFusion
from tieback_lab.services.fusion import SERVICE, FusionService

from support.ports import free_port

DRAIN_SECONDS = 20.0
"""Longer than a test would wait for a stream that nobody ends."""


class FusionServer:
    """Serves fusions alone."""

    def __init__(self, fusions: Sequence[LearnedFusion]) -> None:
        self._fusions = fusions
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        settings = Settings(
            models=Path("unused"), store=Path("unused"), drain_seconds=DRAIN_SECONDS, extensions=("lab",)
        )
        self.telemetry = Telemetry(settings)
        self._server = GrpcServer(settings, self.telemetry)
        service = FusionService(self._learned)
        self._server.add(servicer(service, rpcs.rpcs_of(SERVICE.contract, FusionService)))
        await self._server.start("127.0.0.1", self._port)

    def _learned(self, serves: type[Any]) -> Sequence[Any]:
        return [one for one in self._fusions if isinstance(one, serves)]

    async def kill(self) -> None:
        """Breaks its connections, as the end of its process would."""
        await self._server.server.stop(None)
        await self._server.drain(0)

    async def drain(self) -> None:
        """Ends as a server does that is told to."""
        await self._server.drain()

    @property
    def streams(self) -> float:
        """Streams that are open."""
        labels = {"service": "FusionService", "method": "FuseStream"}
        return self.telemetry.registry.get_sample_value("tieback_in_flight", labels) or 0.0


@asynccontextmanager
async def fusion_server(*fusions: LearnedFusion) -> AsyncIterator[FusionServer]:
    """One that has started."""
    server = FusionServer(fusions)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@asynccontextmanager
async def gateway_to(server: FusionServer) -> AsyncIterator[str]:
    """The address of a gateway that passes calls on to it, as on Ray Serve."""
    settings = Settings(models=Path("unused"), store=Path("unused"), drain_seconds=0, extensions=("lab",))
    directory = Directory()
    directory.update("index", {"1": {"address": server.address}})
    mesh = Mesh(directory, registry=CollectorRegistry())
    passed = {SERVICE.contract: "index"}
    gateway = GrpcServer(settings, Telemetry(settings))
    gateway.add_generic(passed, ByteProxy(mesh, passed, []))
    port = await gateway.start("127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await gateway.drain(0)
        await mesh.close()
