"""Every service in one process behind one grpc.aio server, without Ray: for a laptop and for tests."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType

from tieback_contract.server import ServiceState

from tieback.serving.mesh import directory
from tieback.serving.metrics import logs
from tieback.serving.metrics.endpoint_watch import EndpointWatch
from tieback.serving.metrics.scrape import MetricsPage
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.plan import Plan, assembly
from tieback.serving.plan.assembly import Ports
from tieback.serving.processes.doors import OpenedHttpDoor, door_servicers
from tieback.serving.processes.server import GrpcServer, keep_what_is_there
from tieback.serving.processes.service_context import ServiceContext
from tieback.serving.processes.services import SERVICES
from tieback.serving.security.credentials import acting
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)


class LocalServer:
    """The whole platform in this process. An async context manager; `port` is known inside."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._closing = AsyncExitStack()
        self._page: MetricsPage | None = None
        self._http: OpenedHttpDoor | None = None
        self.port = 0
        self.http_port: int | None = None
        self.metrics_port: int | None = None

    async def __aenter__(self) -> LocalServer:
        settings = self._settings
        plan = Plan(settings)
        self.telemetry = telemetry = Telemetry(settings, process="tieback-local")
        self._server = server = GrpcServer(settings, telemetry)
        context = ServiceContext(
            settings,
            plan,
            telemetry,
            server,
            Ports(),
            acting(server.tokens),
            self._closing,
            plan.encoders,
            plan.checkers,
            telemetry.observe_batch,
            in_one_process=True,
        )
        served = [service for service in SERVICES if service.is_served(plan)]
        names = list(dict.fromkeys(name for one in served for name in one.deployments(plan)))
        names += ["answer"] if plan.keeps_collections else []

        async def all_ready() -> list[ServiceState]:
            return [*(ServiceState(name, True) for name in names), *watch.states()]

        watch = EndpointWatch(plan.endpoints, assembly.open_store(settings), server)
        self._closing.push_async_callback(watch.stop)

        try:
            # The index first: where another server has the store, nothing else is worth loading.
            for service in sorted(served, key=lambda one: one.name != directory.INDEX):
                await service.add_to(context)
            for servicer in assembly.public_servicers(
                settings,
                plan,
                context.answerer_of,
                telemetry,
                states=all_ready,
                endpoints=lambda _: (),  # this server is the only one there is
            ):
                server.add(servicer)
            for door in door_servicers(settings, plan, context.ports, all_ready):
                server.add(door)
            if settings.metrics_port is not None:
                self._page = MetricsPage(settings.host, settings.metrics_port, telemetry.page)
                self.metrics_port = self._page.port
            if settings.http_port is not None:
                self._http = OpenedHttpDoor(settings, server, telemetry)
            self.port = await server.start(settings.host, settings.port)
            if self._http is not None:
                self.http_port = await self._http.start()
            await server.set_all_ready(True)
            await watch.start()
            if context.operations is not None:
                await context.operations.begin()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_http()
        await self._server.drain()
        await self._close()

    async def _stop_http(self) -> None:
        if self._http is not None:
            await self._http.stop()
            self._http = None

    async def _close(self) -> None:
        await self._stop_http()  # where the start failed
        await self._closing.aclose()
        if self._page is not None:  # whoever waits for its port finds the store free, too
            await asyncio.to_thread(self._page.close)
        await asyncio.to_thread(self.telemetry.tracing.close)


async def run(settings: Settings, ready: Callable[[LocalServer], None]) -> None:
    """Serves until SIGTERM or SIGINT, then drains. `ready` is called once everything can be asked."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with LocalServer(settings) as server:
        keep_what_is_there()
        ready(server)
        await stop.wait()
        logs.event(log, "draining", seconds=settings.drain_seconds)
