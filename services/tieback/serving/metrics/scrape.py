"""One page of metrics for all processes.

Every replica answers one internal method with its own page, on a listener of its own on the platform's inner
side, so that scrapes count as no calls and need no tenant's token. The gateway asks all of them, gives every
series the labels `deployment` and `replica`, and merges the families. A replica that does not answer in time
is missing from the page and counted on it: `tieback_scrape_failures`.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from prometheus_client import CONTENT_TYPE_LATEST

from tieback.core.errors import StartupError
from tieback.serving.mesh import MakeChannel
from tieback.serving.mesh import directory as targets
from tieback.serving.mesh.directory import Directory, Replica
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.free_port import way_out

METHOD = "/tieback.internal.Metrics/Read"
FAILURES = "tieback_scrape_failures"
TIMEOUT = 2.0  # seconds; Prometheus itself gives up after 10


# The Prometheus scrape page over HTTP, on a port of its own.
#
# Whoever reaches the port may ask, so a connection is closed when it is idle, and the oldest where there
# are too many: a scraper always gets in.
IDLE_SECONDS = 5.0
CONNECTIONS = 16


class _Server(ThreadingHTTPServer):
    """Has a thread for each of at most `CONNECTIONS` connections; one more ends the oldest."""

    daemon_threads = True
    request_queue_size = (
        128  # of five, the default, a burst fills the queue, and who comes then waits for seconds
    )

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[int, socket.socket] = {}
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[id(request)] = request
            oldest = next(iter(self._open)) if len(self._open) > CONNECTIONS else None
            if oldest is not None:
                with suppress(OSError):
                    self._open.pop(oldest).shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is not worth a log line."""


class MetricsPage:
    """Serves ``GET /metrics`` from a thread; `read` makes the page for each scrape."""

    def __init__(self, host: str, port: int, read: Callable[[], bytes]) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = IDLE_SECONDS

            def do_GET(self) -> None:
                if self.path.partition("?")[0] not in ("/metrics", "/"):
                    self.send_error(404)
                    return
                try:
                    page = read()
                except Exception:  # noqa: BLE001 - a scrape must not end the server, whatever went wrong
                    self.send_error(503)
                    return
                self.send_response(200)
                self.send_header("Content-Type", CONTENT_TYPE_LATEST)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: object) -> None:
                """Scrapes are not worth a log line."""

        try:
            self._server = _Server((host, port), Handler)
        except OSError as error:
            raise StartupError(
                f"cannot serve metrics on {host}:{port} ({error.strerror}); {way_out('metrics-port')}"
            ) from None
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method != METHOD:
            return None

        async def read(_: bytes, __: Any) -> bytes:
            return self._telemetry.page()

        return grpc.unary_unary_rpc_method_handler(read)


class MetricsListener:
    """Answers `METHOD` with this process's page."""

    def __init__(self, telemetry: Telemetry, credentials: grpc.ServerCredentials | None = None) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_Handler(telemetry),))
        self._credentials = credentials

    async def start(self, host: str) -> int:
        """Listens on a free port and returns it."""
        address = f"{host}:0"
        if self._credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, self._credentials)
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Stops at once."""
        await self._server.stop(None)


def machine_of_page(directory: Directory) -> str:
    """The machine whose page has the whole platform: that of the gateway listed first. "": none yet.

    Of several machines with gateways only one shows them, so that who scrapes all counts everything once.
    """
    gateways = directory.replicas(targets.GATEWAY)
    return gateways[0].metrics_address.rpartition(":")[0] if gateways else ""


class Scraper:
    """Reads the pages of all replicas in the directory and joins them."""

    def __init__(self, directory: Directory, make_channel: MakeChannel) -> None:
        self._directory = directory
        self._make_channel = make_channel
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def page(self) -> bytes:
        """All series of all replicas, in Prometheus's text format."""
        replicas = [
            (deployment, replica)
            for deployment in self._directory.deployments()
            for replica in self._directory.replicas(deployment)
            if replica.metrics_address
        ]
        await self._forget({replica.metrics_address for _, replica in replicas})
        texts = await asyncio.gather(*(self._read(replica) for _, replica in replicas))
        return join({(name, replica.id): text for (name, replica), text in zip(replicas, texts, strict=True)})

    async def close(self) -> None:
        """Closes the channels."""
        await self._forget(set())

    async def _read(self, replica: Replica) -> str | None:
        address = replica.metrics_address
        if address not in self._channels:
            self._channels[address] = self._make_channel(address, [("grpc.enable_http_proxy", 0)])
        read: Any = self._channels[address].unary_unary(METHOD, None, None)
        try:
            page: bytes = await read(b"", timeout=TIMEOUT)
        except grpc.aio.AioRpcError:
            return None
        return page.decode()

    async def _forget(self, kept: set[str]) -> None:
        for address in self._channels.keys() - kept:
            await self._channels.pop(address).close(None)


def join(pages: Mapping[tuple[str, str], str | None]) -> bytes:
    """One page of the pages by (deployment, replica); None for a replica that did not answer.

    Works on lines, since a scrape must not hold up the calls of the gateway that answers it: a page as
    `generate_latest` writes it is families of two comment lines and then one line per series.
    """
    heads: dict[str, list[str]] = {}
    series: dict[str, list[str]] = {}
    failures = [
        f"# HELP {FAILURES} Replicas that did not answer this scrape; their other series are missing."
    ]
    failures.append(f"# TYPE {FAILURES} gauge")
    for (deployment, replica), page in pages.items():
        labels = f'deployment="{deployment}",replica="{replica}"'
        failures.append(f"{FAILURES}{{{labels}}} {int(page is None)}")
        family = ""
        for line in (page or "").splitlines():
            if line.startswith("# "):
                _, kind, name, *_ = line.split(" ", 3)
                if kind == "HELP":
                    family = name
                    fresh = name not in heads
                    heads.setdefault(name, [])
                    series.setdefault(name, [])
                if fresh:
                    heads[family].append(line)
            elif line:
                name, brace, rest = line.partition("{")
                if brace:
                    series[family].append(f"{name}{{{labels},{rest}")
                else:
                    name, _, value = line.partition(" ")
                    series[family].append(f"{name}{{{labels}}} {value}")
    lines = [line for family in heads for line in (*heads[family], *series[family])]
    return ("\n".join([*failures, *lines]) + "\n").encode()
