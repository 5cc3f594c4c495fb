"""The HTTP door: its paths, and the server that listens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, Router
from tieback_client import AsyncClient, Health, TiebackError

from tieback.doors.http import chat, check, embeddings, models, predict, rerank
from tieback.doors.http.edge import Edge, EdgeLimits
from tieback.doors.http.errors import RETRY_SECONDS, Refused
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.protocol import ConnectionLimits, protocol
from tieback.doors.metrics import DoorMetrics

if TYPE_CHECKING:
    from tieback.doors.mcp import McpServer

log = logging.getLogger(__name__)
IDLE_SECONDS = 75
"""How long a connection may be idle between two requests: longer than the balancers' usual 60."""
BACKLOG = 1024
NOTICE_SECONDS = 0.3
"""How long readiness is denied before connections are."""
CERTIFICATE_SECONDS = 5
"""How often it is looked whether the certificate changed."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """TLS: files in PEM."""

    chain: Path
    key: Path
    client_authority: Path | None = None
    """Who signs the certificates that callers must show; None: they show none."""

    def stamps(self) -> list[int]:
        """When the files were changed."""
        return [path.stat().st_mtime_ns for path in (self.chain, self.key)]


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How the door listens, and what it takes."""

    connection: ConnectionLimits = field(default_factory=ConnectionLimits)
    request: EdgeLimits = field(default_factory=EdgeLimits)
    drain_seconds: float = 10.0
    certificate: Certificate | None = None
    mcp: bool = True
    """Whether agents are served too, at /mcp."""
    mcp_writes: bool = False
    """Whether they may write, where their token may."""


class HttpDoor:
    """Serves HTTP for a platform. Made and started in one event loop, and stopped there."""

    def __init__(
        self,
        client: AsyncClient,
        options: HttpOptions,
        metrics: DoorMetrics,
        more: Sequence[BaseRoute] = (),
    ) -> None:
        self._client, self._more = client, more
        self._options = options
        self._is_ending = False
        self._mcp = _mcp(client, options, metrics) if options.mcp else None
        self._serving: asyncio.Task[None] | None = None
        self._server = _Server(self._config(Edge(self._router(), options.request, metrics)))
        self.port = 0

    async def start(self, host: str, port: int, *, shared: bool = False) -> int:
        """Listens, and returns the port. OSError where it is taken. `shared`: others listen there, too."""
        listening = _listening(host, port, shared=shared)
        self.port = int(listening.getsockname()[1])
        self._serving = asyncio.create_task(self._serve(listening), name="http door")
        while not self._server.started:
            if self._serving.done():
                await self._serving
                raise OSError("the HTTP server ended as it began")
            await asyncio.sleep(0.005)
        return self.port

    async def stop(self) -> None:
        """Denies readiness, lets requests in work end, and closes the connection to the platform."""
        self._is_ending = True
        if self._serving is not None:
            await asyncio.sleep(min(NOTICE_SECONDS, self._options.drain_seconds))
            self._server.should_exit = True
            await self._serving
        await self._client.close()

    async def _serve(self, listening: socket.socket) -> None:
        async with contextlib.AsyncExitStack() as running:
            if self._mcp is not None:
                await running.enter_async_context(self._mcp.running())
            await self._server.serve([listening])

    def _router(self) -> Router:
        client = self._client
        reranking = rerank.rerank(client)
        mcp = [] if self._mcp is None else [Route("/mcp", self._mcp.operation(), methods=["POST"])]
        return Router(
            [
                *mcp,
                Route("/v1/embeddings", embeddings.embeddings(client), methods=["POST"]),
                Route("/v1/chat/completions", chat.chat(client), methods=["POST"]),
                Route("/v1/check", check.check(client), methods=["POST"]),
                Route("/v1/rerank", reranking, methods=["POST"]),
                Route("/v2/rerank", reranking, methods=["POST"]),
                Route("/predict", predict.predict(client), methods=["POST"]),
                Route("/v1/models", models.models(client), methods=["GET"]),
                Route("/v1/models/{name:path}", models.model(client), methods=["GET"]),
                Route("/healthz", alive(), methods=["GET"]),
                Route("/readyz", ready(client, lambda: self._is_ending), methods=["GET"]),
                *self._more,
            ],
            redirect_slashes=False,
        )

    def _config(self, application: Edge) -> uvicorn.Config:
        options, certificate = self._options, self._options.certificate
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # the rest is of its own beginning and end
        config = uvicorn.Config(
            application,
            http=protocol(options.connection),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=max(1, round(options.drain_seconds)),
            ssl_certfile=None if certificate is None else certificate.chain,
            ssl_keyfile=None if certificate is None else str(certificate.key),
            ssl_ca_certs=(
                None
                if certificate is None or certificate.client_authority is None
                else str(certificate.client_authority)
            ),
            ssl_cert_reqs=(
                ssl.CERT_NONE
                if certificate is None or certificate.client_authority is None
                else ssl.CERT_REQUIRED
            ),
            timeout_notify=CERTIFICATE_SECONDS,
        )
        if certificate is not None:
            seen = certificate.stamps()

            async def reread() -> None:
                nonlocal seen
                try:
                    now = certificate.stamps()
                    if now != seen and config.ssl is not None:
                        config.ssl.load_cert_chain(certificate.chain, certificate.key)
                        seen = now
                except (OSError, ssl.SSLError) as error:
                    log.error("the certificate cannot be read again, the last good one stays: %s", error)

            config.callback_notify = reread
        return config


def _mcp(client: AsyncClient, options: HttpOptions, metrics: DoorMetrics) -> McpServer:
    from tieback.doors.mcp import McpServer  # here, since it takes half a second to import

    return McpServer(client, metrics, body_bytes=options.request.body_bytes, writes=options.mcp_writes)


class _Server(uvicorn.Server):
    """uvicorn's server within a process that has signal handlers of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves them alone."""
        yield


def _listening(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio turns Nagle's algorithm off. An answer is written in two parts, and the
    # second would wait for the caller to acknowledge the first, which takes 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, port))
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


SECONDS = 2.0


def alive() -> DoorOperation:
    """Whether this process answers."""

    async def handle(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return DoorOperation("health", handle)


def ready(client: AsyncClient, is_ending: Callable[[], bool]) -> DoorOperation:
    """Tell if requests are taken, and the platform, or the service that the query names, can work on them."""

    async def handle(request: Request) -> Response:
        if is_ending():
            raise Refused(503, "ENDING", "the server ends", retry=RETRY_SECONDS)
        try:
            state = await client.health(request.query_params.get("service", ""), timeout=SECONDS)
        except TiebackError:
            state = Health.UNKNOWN
        if state is not Health.SERVING:
            raise Refused(503, "PLATFORM_UNAVAILABLE", "the platform is not ready", retry=RETRY_SECONDS)
        return JSONResponse({"status": "ready"})

    return DoorOperation("health", handle)
