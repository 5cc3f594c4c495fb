"""State of the endpoint of the model that writes answers, as health checks and the catalog report it.

The server goes on without it, by quotes, so an endpoint that is away does not make the server as a whole not
ready: it is a service of its own, "endpoint:NAME".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from tieback.catalog.card import GeneratorCard
from tieback.core.errors import StartupError
from tieback.serving import logs
from tieback.serving.server import GrpcServer
from tieback.serving.servicers.catalog import ServiceState

log = logging.getLogger(__name__)
SECONDS = 15.0
"""From one question to the next."""

PREFIX = "endpoint:"


class EndpointWatch:
    """Asks an endpoint again and again, from `start` to `stop`. Nothing where no endpoint writes."""

    def __init__(self, card: GeneratorCard | None, server: GrpcServer) -> None:
        self._card = card if card is not None and card.runtime == "chat_endpoint" else None
        self._server = server
        self._fault: str | None = "it was not asked yet"
        self._task: asyncio.Task[None] | None = None

    def states(self) -> list[ServiceState]:
        """The endpoint's state, as it was when it was last asked."""
        if self._card is None:
            return []
        return [ServiceState(f"{PREFIX}{self._card.name}", not self._fault, detail=self._fault or "")]

    async def start(self) -> None:
        """Asks for the first time, and goes on."""
        if self._card is not None:
            self._task = asyncio.create_task(self._follow(self._card), name="endpoint")

    async def stop(self) -> None:
        """Asks no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self, card: GeneratorCard) -> None:
        from tieback.models.chat_endpoint import EndpointModel

        name = f"{PREFIX}{card.name}"
        try:
            model = EndpointModel(card)
        except StartupError as error:
            self._fault = error.message
            await self._server.set_endpoint(name, False)
            return
        try:
            while True:
                fault = await model.probe()
                if fault != self._fault:
                    logs.event(log, "endpoint", model=card.name, answers=not fault, reason=fault)
                self._fault = fault
                await self._server.set_endpoint(name, not fault)
                await asyncio.sleep(SECONDS)
        finally:
            await model.close()
