"""Fixtures for tests of every part."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from tieback.serving.local import LocalServer
from tieback.serving.settings import Settings


@dataclass(frozen=True)
class Running:
    """A whole platform in this process, with the real models."""

    server: LocalServer

    @property
    def address(self) -> str:
        return f"localhost:{self.server.port}"

    def value(self, name: str, **labels: str) -> float:
        """A metric's value now."""
        return self.server.telemetry.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture(scope="session")
def local_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Served from a thread with an event loop of its own, so that blocking clients can be tested too."""
    settings = Settings(
        store=tmp_path_factory.mktemp("platform") / "store", port=0, metrics_port=0, drain_seconds=1
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="platform", daemon=True)
    thread.start()
    server = LocalServer(settings)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(60)
    try:
        yield Running(server)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def local_channel(local_platform: Running) -> Iterator[grpc.Channel]:
    """A plain gRPC channel, for requests that the SDK would not let out."""
    with grpc.insecure_channel(
        local_platform.address, options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        yield channel
