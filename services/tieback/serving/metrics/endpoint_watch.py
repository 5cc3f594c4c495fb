"""State of the endpoints of models that other servers run, as health and the catalog report it.

The server goes on without them, so an endpoint that is away does not make the server as a whole not ready: it
is a service of its own, "endpoint:NAME".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from tieback_contract.server import ServiceState

from tieback.catalog.card import Card, EncoderCard, GeneratorCard, RerankerCard
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.classifier_card import ClassifierCard
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.serving.metrics import logs
from tieback.serving.processes.server import GrpcServer

log = logging.getLogger(__name__)
SECONDS = 15.0
"""From one question to the next."""

PREFIX = "endpoint:"


class WatchedEndpoint(Protocol):
    """A model that another server runs."""

    async def probe(self) -> str:
        """Why it cannot be asked now; empty where it can."""
        ...

    async def close(self) -> None:
        """Closes its connections."""
        ...


def endpoint_of(card: Card, store: Store) -> WatchedEndpoint:
    """The endpoint of a card. StartupError where its token is not there."""
    if isinstance(card, EncoderCard):
        from tieback.models.endpoints.encoder import EndpointEncoder

        return EndpointEncoder(card, store.open(card))
    if isinstance(card, RerankerCard):
        from tieback.models.endpoints.reranker import EndpointReranker

        return EndpointReranker(card)
    if isinstance(card, ClassifierCard):
        from tieback.models.endpoints.classifier import EndpointClassifier

        return EndpointClassifier(card)
    if isinstance(card, CheckerCard):
        from tieback.models.language.claim_endpoint import ClaimEndpointModel

        return ClaimEndpointModel(card)
    if isinstance(card, GeneratorCard):
        from tieback.models.language.chat_endpoint import EndpointModel

        return EndpointModel(card)
    raise TypeError(f"{card.name} is no endpoint")


class EndpointWatch:
    """Asks endpoints again and again, from `start` to `stop`."""

    def __init__(self, cards: Sequence[Card], store: Store, server: GrpcServer) -> None:
        self._cards, self._store = cards, store
        self._server = server
        self._faults = {card.name: "it was not asked yet" for card in cards}
        self._tasks: list[asyncio.Task[None]] = []

    def states(self) -> list[ServiceState]:
        """The endpoints' states, as they were when they were last asked."""
        return [
            ServiceState(f"{PREFIX}{name}", not fault, detail=fault) for name, fault in self._faults.items()
        ]

    async def start(self) -> None:
        """Asks for the first time, and goes on."""
        self._tasks = [
            asyncio.create_task(self._follow(card), name=f"{PREFIX}{card.name}") for card in self._cards
        ]

    async def stop(self) -> None:
        """Asks no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, card: Card) -> None:
        name = f"{PREFIX}{card.name}"
        try:
            model = endpoint_of(card, self._store)
        except StartupError as error:
            self._faults[card.name] = error.message
            await self._server.set_endpoint(name, False)
            return
        try:
            while True:
                fault = await model.probe()
                if fault != self._faults[card.name]:
                    logs.event(log, "endpoint", model=card.name, answers=not fault, reason=fault)
                self._faults[card.name] = fault
                await self._server.set_endpoint(name, not fault)
                await asyncio.sleep(SECONDS)
        finally:
            await model.close()
