"""The Prometheus scrape page over HTTP, on a port of its own.

Whoever reaches the port may ask, so a connection is closed when it is idle, and the oldest where there are
too many: a scraper always gets in.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from tieback.core.errors import StartupError
from tieback.serving.free_port import way_out

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
