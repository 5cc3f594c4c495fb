"""The doors of a process: the servicers of other protocols on the gRPC port, and the HTTP door.

The stubs of other protocols are loaded here and nowhere else, since they have the names of others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tieback_client.installing import how_to_install
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback.catalog.base_card import Card
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import StartupError
from tieback.doors.caller import platform
from tieback.serving.mesh import directory
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.plan import Plan, assembly
from tieback.serving.plan.assembly import Ports
from tieback.serving.processes.free_port import way_out
from tieback.serving.processes.server import GrpcServer
from tieback.serving.processes.services import targets_of
from tieback.serving.servicers.catalog import States
from tieback.serving.settings import Settings
from tieback.serving.settings.doors import CONSOLE, MCP, MCP_WRITES

if TYPE_CHECKING:
    from tieback.doors.http import HttpDoor
    from tieback.doors.kserve.model import KServeModel
    from tieback.doors.tei.door import Served
    from tieback.models.store import Store
    from tieback.models.text.text_tokens import TextTokens, Token


def door_services(settings: Settings) -> tuple[str, ...]:
    """The services that the doors are, by their names on the wire."""
    return tuple(service for name in _DOORS if settings.opens(name) for service in _DOORS[name][1])


def door_servicers(settings: Settings, plan: Plan, ports: Ports, states: States) -> list[object]:
    """Their servicers, over the services in this process or over the wire."""
    open_doors = [make for name, (make, _) in _DOORS.items() if settings.opens(name)]
    return [one for make in open_doors for one in make(settings, plan, ports, states)]


def _kserve(settings: Settings, plan: Plan, ports: Ports, states: States) -> list[object]:
    from tieback.doors.kserve.checkers import CheckModel
    from tieback.doors.kserve.door import Door
    from tieback.doors.kserve.encoders import EncoderModel
    from tieback.doors.kserve.rerankers import RerankModel
    from tieback.serving.servicers.kserve import KserveServicer

    models: list[tuple[KServeModel, str]] = [
        (EncoderModel(card, ports.encoder), directory.encoder(card.name)) for card in plan.encoders
    ]
    if ports.reranker is not None:
        models += [
            (RerankModel(ports.reranker, card.name, card.revision, is_card=True), directory.RERANKER)
            for card in plan.rerankers
        ]
        if plan.has_multi_vectors:
            models.append((RerankModel(ports.reranker), directory.RERANKER))
    if ports.grounding is not None:
        models.append((CheckModel(ports.grounding), targets_of(plan)["tieback.v1.GroundingService"]))
    door = Door((model for model, _ in models), settings.limits)
    needed = {model.name: target for model, target in models}
    return [KserveServicer(door, states, needed, settings.message_bytes)]


def _tei(settings: Settings, plan: Plan, ports: Ports, _: States) -> list[object]:
    from tieback.doors.tei.classifying import Classifying
    from tieback.doors.tei.door import RERANKER, Models, Served
    from tieback.doors.tei.embedding import Embedding
    from tieback.doors.tei.reranking import Reranking
    from tieback.serving.servicers import tei

    cards: dict[str, Card] = {card.name: card for card in plan.encoders if card.modality is Modality.TEXT}
    models = [_embedder(card) for card in plan.encoders if card.modality is Modality.TEXT]
    cards |= {card.name: card for card in plan.text_classifiers}
    models += [
        Served(card.name, card.revision, "float32", card.max_tokens, card.name, is_classifier=True)
        for card in plan.text_classifiers
    ]
    if ports.reranker is not None:
        cards |= {card.name: card for card in plan.rerankers}
        models += [
            Served(card.name, card.revision, "float32", card.max_tokens, card.name, is_reranker=True)
            for card in plan.rerankers
        ]
        by_name = {one.name: one for one in models}
        if plan.has_multi_vectors and (space := by_name.get(plan.reranking_space)):
            models.append(replace(space, name=RERANKER, is_reranker=True, prompt=""))
    default = settings.tei_model or (plan.text_space if plan.reads_text else "")
    if default not in {one.name for one in models}:
        names = ", ".join(sorted(one.name for one in models)) or "there are none"
        raise StartupError(f"TIEBACK_DOORS: tei: {default!r} is no model of texts that is served: {names}")
    served, limits, size = Models(models, default), settings.limits, settings.message_bytes
    tokens = ModelTokens(assembly.open_store(settings), cards)
    servicers: list[object] = [
        tei.InfoServicer(served, limits, settings.batch_budget),
        tei.EmbedServicer(Embedding(served, ports.encoder), size),
        tei.TokenizeServicer(served, tokens, size),
        tei.PredictServicer(Classifying(served, ports.text_classifier), size),
    ]
    if ports.reranker is not None:
        servicers.append(tei.RerankServicer(Reranking(served, ports.reranker, tokens), limits))
    return servicers


def _embedder(card: EncoderCard) -> Served:
    from tieback.doors.tei.door import Served

    return Served(
        card.name,
        card.revision,
        card.precision,
        card.max_tokens,
        card.name,
        is_sparse=VectorKind.DENSE not in card.kinds,
        prompt=card.options.prompt if isinstance(card.options, TransformerText) else "",
    )


_TEI = tuple(f"tei.v1.{name}" for name in ("Info", "Embed", "Tokenize", "Predict", "Rerank"))


T = TypeVar("T")
TOKENIZER = "tokenizer.json"


class ModelTokens:
    """Answers for the models of `cards`, by name, on one thread: a text of a megabyte takes a second."""

    def __init__(self, store: Store, cards: Mapping[str, Card]) -> None:
        self._store = store
        self._cards = cards
        self._loaded: dict[str, TextTokens] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokens")

    async def counts(self, space: str, texts: Sequence[str]) -> tuple[list[int], tuple[int, int]]:
        """Tokens of each text, and the special ones around a text and around two."""

        def count(tokens: TextTokens) -> tuple[list[int], tuple[int, int]]:
            return tokens.counts(texts), tokens.special

        return await self._ask(space, count)

    async def tokens(self, space: str, text: str, *, special: bool) -> list[Token]:
        """The tokens of a text."""
        return await self._ask(space, lambda tokens: tokens.tokens(text, special=special))

    async def text(self, space: str, ids: Sequence[int], *, special: bool) -> str:
        """The text of tokens."""
        return await self._ask(space, lambda tokens: tokens.text(ids, special=special))

    async def _ask(self, space: str, asked: Callable[[TextTokens], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: asked(self._of(space)))

    def _of(self, space: str) -> TextTokens:
        """The tokens of a model. StartupError where the store has no tokenizer of it."""
        known = self._loaded.get(space)
        if known is None:
            from tieback.models.text.text_tokens import TextTokens

            served = self._store.open(self._cards[space])
            known = self._loaded[space] = TextTokens(served.path(TOKENIZER))
        return known


_DOORS: dict[str, tuple[Callable[[Settings, Plan, Ports, States], list[object]], tuple[str, ...]]] = {
    "kserve": (_kserve, ("inference.GRPCInferenceService",)),
    "tei": (_tei, _TEI),
}
"""How the servicers of each are made, and their services on the wire."""


# The HTTP door in a process that has the platform's gRPC port: built from the settings, and ended in order.
#
# It calls the gRPC server of its own process without a socket, so that it needs no certificate of the
# platform, and passes the same interceptor as every call from outside.
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class OpenedHttpDoor:
    """The door of a gRPC server that is not started yet. `port` is known once it listens."""

    def __init__(self, settings: Settings, server: GrpcServer, telemetry: Telemetry) -> None:
        self._settings = settings
        try:
            self._door = _made(settings, server, telemetry)
        except ImportError as error:
            raise StartupError(
                f"TIEBACK_HTTP_PORT needs the package {error.name}: {how_to_install('http')}"
            ) from None
        except OSError as error:
            raise StartupError(f"a TLS file cannot be read: {error}") from None
        self.port = 0

    async def start(self, *, shared: bool = False) -> int:
        """Listens; returns the port. StartupError where it is taken."""
        settings = self._settings
        try:
            self.port = await self._door.start(settings.host, settings.http_port or 0, shared=shared)
        except OSError as error:
            raise StartupError(
                f"cannot serve HTTP on {settings.host}:{settings.http_port} ({error.strerror or error}); "
                f"{way_out('http-port')}"
            ) from None
        return self.port

    async def stop(self) -> None:
        """Lets requests in work end. Before the gRPC server drains, which works for them."""
        await self._door.stop()


def _made(settings: Settings, server: GrpcServer, telemetry: Telemetry) -> HttpDoor:
    """The door that these settings describe. ImportError where a package of the extra is missing."""
    from tieback.doors.console import ConsoleOptions
    from tieback.doors.console import routes as console_routes
    from tieback.doors.http import Certificate, ConnectionLimits, EdgeLimits, HttpDoor, HttpOptions

    certificate = None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        certificate = Certificate(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
        telemetry.watch_certificate("http", settings.tls_certificate)
    options = HttpOptions(
        ConnectionLimits(connections=settings.open_calls, seconds=settings.stall_seconds),
        EdgeLimits(
            body_bytes=settings.message_bytes,
            held_bytes=settings.request_bytes,
            requests=settings.open_calls,
            seconds=settings.stall_seconds,
            only_local=settings.host in _LOOPBACK,
        ),
        settings.drain_seconds,
        certificate,
        mcp=settings.opens(MCP, MCP_WRITES),
        mcp_writes=settings.opens(MCP_WRITES),
    )
    client = platform("localhost", channel=server.channel())
    shown = ConsoleOptions(telemetry.registry, settings.votes)
    more = console_routes(client, shown) if settings.opens(CONSOLE) else ()
    return HttpDoor(client, options, telemetry.doors, more)
