"""A grpc.aio server with what production asks of one: TLS, tokens, limits, health, reflection, drain."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

import grpc
from grpc_channelz.v1 import channelz, channelz_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tieback_contract.limits import Limits

from tieback.core.errors import StartupError
from tieback.core.types.load import Load
from tieback.serving.mesh.in_process import Handlers, InProcessChannel
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.free_port import way_out
from tieback.serving.requests.interceptor import REQUEST_BYTES, WATCHES, Edge
from tieback.serving.requests.parsing import OPTIONS as LEAVE_COMPRESSED
from tieback.serving.requests.rejection import Screen
from tieback.serving.security.credentials import InnerTokens, Tokens, server_credentials
from tieback.serving.settings import Settings
from tieback.serving.settings.doors import CHANNELZ

INTERVAL = 0.05
"""Seconds between two measurements. What holds the loop for longer is always seen."""


class LoopLag:
    """Measures, by sleeping, how much later than asked the running loop wakes a task.

    `observe` takes each lag in seconds.
    """

    def __init__(self, observe: Callable[[float], object], *, interval: float = INTERVAL) -> None:
        self._observe = observe
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to measure the running loop."""
        self._task = asyncio.create_task(self._measure())

    def stop(self) -> None:
        """Ends it; nothing where it was not started."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._interval
            await asyncio.sleep(self._interval)
            self._observe(max(loop.time() - due, 0.0))


log = logging.getLogger(__name__)
CONNECTION_CALLS = Limits().connection_calls
_PENDING_CALLS = 1_500

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@runtime_checkable
class Draining(Protocol):
    """A servicer with streams that go on for as long as their callers like."""

    def drain(self) -> None:
        """Has all of them end soon."""
        ...


class GrpcServer:
    """One listening server. Add servicers, start, set what is ready, drain.

    One that is `behind` the gateway takes messages of any size: the vectors of what the gateway let in may be
    larger than what they were made of. `inner` tokens let in other processes of the platform. More than
    `connection_calls` on one connection wait at the caller's side, where they cost this server nothing.
    """

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        *,
        shared_port: bool = False,
        behind: bool = False,
        inner: InnerTokens | None = None,
        connection_calls: int = CONNECTION_CALLS,
    ) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._names: list[str] = []
        self._draining: list[Draining] = []
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the module has it, unlisted
        self._probe: grpc.aio.Server | None = None
        self._lag = LoopLag(telemetry.loop_lag.observe)
        self.tokens = Tokens(settings.tokens, inner) if settings.tokens is not None else None
        self._watching: asyncio.Task[None] | None = None
        self._edge = Edge(telemetry, settings, self.tokens, behind=behind, takes_hops=inner is not None)
        # Before its handlers run, a server's own edge sees every call.
        self.server = grpc.aio.server(
            interceptors=[self._edge],
            options=[
                *_options(settings, shared_port=shared_port, behind=behind),
                ("grpc.max_concurrent_streams", connection_calls),
            ],
        )
        self._handlers = Handlers(self.server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._handlers)

    def add(self, servicer: object) -> None:
        """Registers a servicer under the service whose generated base class it has."""
        base = next(kind for kind in type(servicer).__mro__ if kind.__module__.endswith("_pb2_grpc"))
        stubs = sys.modules[base.__module__]
        getattr(stubs, f"add_{base.__name__}_to_server")(servicer, self._handlers)
        if isinstance(servicer, Draining):
            self._draining.append(servicer)
        name = base.__name__.removesuffix("Servicer")
        messages = sys.modules.get(base.__module__.removesuffix("_grpc"))
        if messages is None:  # google.longrunning's are in a file of another name
            self._names.append(f"{base.__module__.rpartition('.')[0]}.{name}")
        else:
            service = messages.DESCRIPTOR.services_by_name[name]
            self._edge.add(service)
            self._names.append(service.full_name)

    def report(self, load: Callable[[], Load]) -> None:
        """Reports with every answer how busy the service is. Before `start`."""
        self._edge.load = load

    def screen(self, screen: Screen) -> None:
        """Refuses early what the spaces of an encoder have no time for. Before `start`."""
        self._edge.screen = screen

    def add_generic(self, names: Iterable[str], handler: grpc.GenericRpcHandler[Any, Any]) -> None:
        """Registers a handler of several services at once, for a server that passes bytes on."""
        self._handlers.add_generic_rpc_handlers((handler,))
        self._names.extend(names)

    def open(self, host: str, port: int, credentials: grpc.ServerCredentials | None) -> int:
        """Listens on one address, once the server is started; port 0 takes a free one. Returns the port.

        StartupError where it is taken.
        """
        address = f"{host}:{port}"
        try:
            if credentials is None:
                bound = self.server.add_insecure_port(address)
            else:
                bound = self.server.add_secure_port(address, credentials)
        except RuntimeError:
            bound = 0
        if not bound:
            raise StartupError(
                f"cannot listen on {address}: the port is taken, or the address is not this machine's; "
                f"{way_out('port')}"
            )
        return bound

    def channel(self) -> InProcessChannel:
        """A channel for doors of this process, whose calls pass the edge as those from outside."""
        return InProcessChannel(self._edge.intercept_service, self._handlers)

    async def start(self, host: str, port: int) -> int:
        """Starts, and listens with the settings' certificate; returns the port. StartupError as in `open`."""
        services = [*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        if self._settings.opens(CHANNELZ):
            channelz.add_channelz_servicer(self.server)  # type: ignore[arg-type]  # takes aio too
            services.append(channelz_pb2.DESCRIPTOR.services_by_name["Channelz"].full_name)
        reflection.enable_server_reflection(services, self.server)
        bound = self.open(host, port, server_credentials(self._settings))
        for name in self._names:
            await self.set_ready(name, False)
        await self.server.start()
        self._lag.start()
        if self.tokens is not None:
            self._telemetry.watch_tokens(self.tokens)
            self._watching = asyncio.create_task(self.tokens.watch(), name="tokens file")
        if self._settings.tls_certificate is not None:
            self._telemetry.watch_certificate("grpc", self._settings.tls_certificate)
        if self._settings.health_port is not None:
            await self._start_probe(host, self._settings.health_port)
        return bound

    async def set_ready(self, name: str, ready: bool) -> None:
        """Sets whether a service is ready; the server as a whole ("") is when all are."""
        status = _SERVING if ready else _NOT_SERVING
        await self._health.set(name, status)
        self._telemetry.set_ready(name.rpartition(".")[2], ready)
        states = [self._health._server_status.get(known) for known in self._names]
        await self._health.set("", _SERVING if all(state == _SERVING for state in states) else _NOT_SERVING)

    async def set_endpoint(self, name: str, answers: bool) -> None:
        """Sets whether the endpoint of a model answers, without which the server as a whole goes on."""
        await self._health.set(name, _SERVING if answers else _NOT_SERVING)
        self._telemetry.set_ready(name, answers)

    def is_ready(self, name: str) -> bool:
        """Whether a service is ready."""
        return bool(self._health._server_status.get(name) == _SERVING)

    async def set_all_ready(self, ready: bool) -> None:
        """Sets the same for every service that was added."""
        for name in self._names:
            await self.set_ready(name, ready)

    async def drain(self, seconds: float | None = None) -> None:
        """Reports NOT_SERVING, takes no new calls, lets running ones end, and stops."""
        grace = self._settings.drain_seconds if seconds is None else seconds
        await self._health.enter_graceful_shutdown()
        for name in self._names:
            self._telemetry.set_ready(name.rpartition(".")[2], False)
        # A moment for balancers to see NOT_SERVING before connections are refused.
        await asyncio.sleep(min(0.3, grace))
        for servicer in self._draining:
            servicer.drain()
        await self.server.stop(grace)
        self._edge.close()
        self._lag.stop()
        if self._watching is not None:
            self._watching.cancel()
        if self._probe is not None:
            await self._probe.stop(0)

    async def _start_probe(self, host: str, port: int) -> None:
        self._probe = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", REQUEST_BYTES),
                ("grpc.max_concurrent_streams", WATCHES),
            ]
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._probe)
        try:
            bound = self._probe.add_insecure_port(f"{host}:{port}")
        except RuntimeError:
            bound = 0
        if not bound:
            raise StartupError(
                f"cannot listen on {host}:{port} for health checks: the port is taken; "
                f"{way_out('health-port')}"
            )
        await self._probe.start()


def _options(settings: Settings, *, shared_port: bool, behind: bool) -> list[tuple[str, Any]]:
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", -1 if behind else settings.message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", int(shared_port)),
        # Callers may ping every second, also between calls, and are not called abusers for it.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 500),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.http.overload_protection", 0),
        *LEAVE_COMPRESSED,
        # Of a burst, gRPC drops with CANCELLED what has waited for the event loop at its back. That gives
        # neither the reason nor the time to come back, so what a few connections may have open waits, and is
        # refused as it should be. Each that waits takes 14 kB, and a health check waits behind all of them.
        ("grpc.server.max_pending_requests", _PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _PENDING_CALLS),
    ]
    if settings.connection_seconds:
        age = int(settings.connection_seconds * 1000)
        options += [("grpc.max_connection_age_ms", age), ("grpc.max_connection_age_grace_ms", 60_000)]
    return options


# What a start leaves behind is kept out of the interpreter's garbage collections.
#
# A full collection visits every container of the process while it holds the interpreter, so that all
# callers wait for it: with the libraries, models and cards of one process, 0.15 s of processor time.
def keep_what_is_there() -> None:
    """Takes what is alive now for permanent. Once, where a process begins to serve.

    What is made later is collected as ever; what is there now is freed by its reference counts alone.
    """
    gc.collect()
    gc.freeze()
