"""A whole platform in this process, served from a thread with an event loop of its own.

So blocking clients can be tested too.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tieback.serving.processes.local import LocalServer
from tieback.serving.settings import Settings


@dataclass(frozen=True)
class Running:
    """A platform that answers at its address."""

    server: LocalServer
    loop: asyncio.AbstractEventLoop

    @property
    def address(self) -> str:
        return f"localhost:{self.server.port}"

    @property
    def http(self) -> str:
        """The address of the HTTP door."""
        return f"http://127.0.0.1:{self.server.http_port}"

    def value(self, name: str, **labels: str) -> float:
        """A metric's value now."""
        return self.server.telemetry.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def served_locally(settings: Settings) -> Iterator[Running]:
    """Ready when it is entered, and drained when it is left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="platform", daemon=True)
    thread.start()
    server = LocalServer(settings)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(60)
    try:
        yield Running(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
