"""The HTTP door in a process that has the platform's gRPC port: built from the settings, and ended in order.

It calls the gRPC server of its own process without a socket, so that it needs no certificate of the platform,
and passes the same interceptor as every call from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieback_client.installing import how_to_install

from tieback.core.errors import StartupError
from tieback.doors.caller import platform
from tieback.serving.door_settings import CONSOLE, MCP, MCP_WRITES
from tieback.serving.free_port import way_out
from tieback.serving.server import GrpcServer
from tieback.serving.settings import Settings
from tieback.serving.telemetry import Telemetry

if TYPE_CHECKING:
    from tieback.doors.http import HttpDoor

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
