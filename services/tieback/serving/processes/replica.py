"""One service in a process of its own: loaded, served on the platform's inner side, and ended in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack

from tieback.batching import BatchReport
from tieback.core.types.load import Load
from tieback.serving.mesh import Mesh, directory
from tieback.serving.mesh.directory import DIRECTORY
from tieback.serving.mesh.inner import channel_maker, inner_settings
from tieback.serving.mesh.remote import remote_ports
from tieback.serving.metrics import logs
from tieback.serving.metrics.scrape import MetricsListener
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.plan import Plan
from tieback.serving.processes.autoscaling import Meter
from tieback.serving.processes.handover import Handover, Place
from tieback.serving.processes.server import GrpcServer, keep_what_is_there
from tieback.serving.processes.service_context import ServiceContext
from tieback.serving.processes.services import SERVICES, targets_of
from tieback.serving.security.credentials import InnerTokens, acting, server_credentials
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)
_VECTOR_BYTES = 8 * 1024 * 1024
_PATIENCE = 30.0
"""Seconds beyond those for draining that a replica waits for the store."""


class ServiceProcess:
    """What runs in a replica's process. `key` is what the platform's processes share; see `InnerTokens`."""

    def __init__(self, settings: Settings, target: str, key: bytes) -> None:
        logs.start(settings)
        self._public = settings
        self.settings = inner_settings(settings)
        if target == directory.INDEX:  # items travel to it with their vectors beside their contents
            self.settings = self.settings.model_copy(
                update={"message_bytes": settings.message_bytes + _VECTOR_BYTES}
            )
        self.target = target
        self.telemetry = Telemetry(self.settings, process=f"tieback-{target}")
        self._make_channel = channel_maker(settings)
        # Encoders may have a public door too, and are sent no more than the gateway was.
        behind = target in (directory.ROUTER, directory.INDEX)
        inner = InnerTokens(key)
        has_store = target in (directory.INDEX, directory.OPERATIONS)
        self._handover = Handover(key, settings.drain_seconds + _PATIENCE) if has_store else None
        self._server = GrpcServer(
            self.settings,
            self.telemetry,
            shared_port=has_store,
            behind=behind,
            inner=inner,
            # A gateway has one connection to each replica, for all that is open at its door.
            connection_calls=self.settings.open_calls,
        )
        self._act = acting(self._server.tokens, inner)
        self._listener = MetricsListener(self.telemetry, server_credentials(self.settings))
        self._closing = AsyncExitStack()
        self._load: Callable[[], Load] | None = None
        self._opening: asyncio.Task[dict[str, str]] | None = None
        self._meter = Meter(lambda: self._load() if self._load is not None else Load())

    async def start(self, host: str, public_host: str = "") -> dict[str, str]:
        """Loads the service and serves it on free ports of `host`. Returns the addresses to publish.

        With a `public_host`, by which clients reach this machine, it takes calls from outside too, as the
        gateway does: with the same certificate, tokens and limits. Where the replica before it has the
        store, it returns at once, and serves as soon as it is handed over; `check` says whether it was.
        """
        mesh = Mesh(DIRECTORY, make_channel=self._make_channel, registry=self.telemetry.registry)
        self._closing.push_async_callback(mesh.close)
        plan = Plan(self.settings)
        context = ServiceContext(
            self.settings,
            plan,
            self.telemetry,
            self._server,
            remote_ports(mesh, plan, self.settings, targets_of(plan)),
            self._act,
            self._closing,
            [card for card in plan.encoders if directory.encoder(card.name) == self.target],
            [card for card in plan.checkers if directory.checker(card.name) == self.target],
            self._on_batch,
            handover=self._handover,
        )
        metrics = {"metrics_address": join_address(host, await self._listener.start(host))}
        if self._handover is None:
            return metrics | await self._open(context, host, 0, public_host)
        place = Place(host)
        self._opening = asyncio.create_task(self._open(context, host, place.port), name="opening")
        self._opening.add_done_callback(lambda _: place.close())
        waiting = asyncio.create_task(self._handover.waiting.wait())
        try:
            await asyncio.wait({self._opening, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._opening.done():
            return metrics | self._opening.result()
        logs.event(log, "waiting for the store", deployment=self.target)
        return metrics | {"address": join_address(host, place.port), "waits": "for the store"}

    async def _open(
        self, context: ServiceContext, host: str, port: int, public_host: str = ""
    ) -> dict[str, str]:
        """Loads the service and serves it. Returns the addresses."""
        try:
            for service in SERVICES:
                target = service.target(context.plan)
                if target == directory.kind(self.target) and service.is_served(context.plan):
                    await service.add_to(context)
        except BaseException:
            await self._closing.aclose()
            raise
        if self._handover is not None:
            self._handover.done()
        self._load = context.load
        if self._load is not None:
            self._server.report(self._load)
        keep_what_is_there()
        addresses = {}
        if public_host:
            direct = self._server.open(self._public.host, 0, server_credentials(self._public))
            addresses["direct_address"] = join_address(public_host, direct)
        addresses["address"] = join_address(host, await self._server.start(host, port))
        await self._server.set_all_ready(True)
        if context.operations is not None:
            await context.operations.begin()
        logs.event(log, "serving", deployment=self.target, address=addresses["address"])
        return addresses

    def signal(self) -> dict[str, float]:
        """What the number of replicas is decided by; nothing before the service is loaded."""
        return self._meter.read() if self._load is not None else {}

    def check(self) -> None:
        """Raises why it does not serve, where it had to wait for the store before."""
        if self._opening is not None and self._opening.done():
            self._opening.result()

    async def stop(self) -> None:
        """Lets running calls end, then frees what the service holds."""
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait({self._opening})
        await self._server.drain()
        await self._closing.aclose()
        await self._listener.stop()
        await asyncio.to_thread(self.telemetry.tracing.close)

    def _on_batch(self, space: str, batch: BatchReport) -> None:
        self.telemetry.observe_batch(space, batch)
        self._meter.add(batch.seconds)


def join_address(host: str, port: int) -> str:
    """HOST:PORT, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
