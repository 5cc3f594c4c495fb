"""One service in a process of its own: loaded, served on the platform's inner side, and ended in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tieback.batching import BatchReport
from tieback.core.types.load import Load
from tieback.core.types.operation import Operation
from tieback.serving import assembly, heap, logs, targets
from tieback.serving.autoscaling import Meter
from tieback.serving.credentials import server_credentials
from tieback.serving.directory import DIRECTORY
from tieback.serving.inner import channel_maker, inner_settings
from tieback.serving.inner_tokens import InnerTokens
from tieback.serving.mesh import Mesh
from tieback.serving.observed import (
    ObservedEncoder,
    ObservedGenerator,
    ObservedIndex,
    ObservedReranker,
    ObservedRouter,
)
from tieback.serving.operation_owner import acting
from tieback.serving.plan import Plan
from tieback.serving.remote import RemoteEncoder, RemoteRouter
from tieback.serving.scrape import MetricsListener
from tieback.serving.screening import Screen
from tieback.serving.server import GrpcServer
from tieback.serving.settings import Settings
from tieback.serving.telemetry import Telemetry

log = logging.getLogger(__name__)
_VECTOR_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What a service is built from. `act` has the running task work for an operation's owner."""

    settings: Settings
    plan: Plan
    telemetry: Telemetry
    mesh: Mesh
    act: Callable[[Operation], None]

    def encoder(self) -> RemoteEncoder:
        """The encoders, which run in processes of their own."""
        return RemoteEncoder(self.mesh, [card.name for card in self.plan.encoders])


@dataclass(frozen=True, slots=True)
class ServiceInstance:
    """A service behind its servicers. `begin` is awaited once it can be asked."""

    servicers: Sequence[object]
    close: Callable[[], Awaitable[None]] | None = None
    load: Callable[[], Load] | None = None
    meter: Meter | None = None
    screen: Screen | None = None
    begin: Callable[[], Awaitable[None]] | None = None


async def _encoder(target: str, context: ServiceContext) -> ServiceInstance:
    from tieback.serving.servicers.encoder import EncoderServicer

    space = target.removeprefix(targets.encoder(""))
    card = next(card for card in context.plan.encoders if card.name == space)
    meter = Meter(lambda: encoder.load(space))

    def on_batch(name: str, batch: BatchReport) -> None:
        context.telemetry.observe_batch(name, batch)
        meter.add(batch.seconds)

    encoder = await asyncio.to_thread(assembly.build_encoder, context.settings, [card], on_batch)
    await encoder.warm_up()
    context.telemetry.watch_load("encoder", space, lambda: encoder.load(space))
    context.telemetry.watch_cache(space, encoder.cache_state)
    context.telemetry.watch_preparation(lambda: encoder.preparing, lambda: encoder.decoded_bytes)
    servicer = EncoderServicer(ObservedEncoder(encoder, context.telemetry))
    return ServiceInstance([servicer], encoder.close, lambda: encoder.load(space), meter, encoder)


async def _router(_: str, context: ServiceContext) -> ServiceInstance:
    from tieback.serving.servicers.router import RouterServicer

    router = await asyncio.to_thread(assembly.build_router, context.settings, context.plan, context.telemetry)
    return ServiceInstance([RouterServicer(ObservedRouter(router, context.telemetry))])


async def _index(_: str, context: ServiceContext) -> ServiceInstance:
    """The index, and what else its store holds: heads and operations, which ask encoders and the router."""
    from tieback.serving.servicers.classifier import ClassifierServicer
    from tieback.serving.servicers.index import IndexServicer
    from tieback.serving.servicers.long_running import LongRunningServicer
    from tieback.serving.servicers.operation import OperationServicer

    settings, plan, telemetry = context.settings, context.plan, context.telemetry
    index = await asyncio.to_thread(assembly.build_index, settings, plan)
    finding = ObservedIndex(index, telemetry)
    try:
        answerer = assembly.build_answerer(
            settings,
            plan,
            encoder=context.encoder(),
            router=RemoteRouter(context.mesh) if plan.joins else None,
            index=finding,
            reranker=None,
            generator=None,
        )
        classifier = await asyncio.to_thread(assembly.build_classifier, settings, answerer)
        operations = await asyncio.to_thread(
            assembly.build_operations, settings, answerer, index, classifier, telemetry, context.act
        )
    except BaseException:
        await index.close()
        raise

    async def close() -> None:
        await operations.close()
        await classifier.close()
        await index.close()

    telemetry.watch_index(lambda: index.size)
    telemetry.watch_load("index", "", lambda: index.load)
    servicers = [
        IndexServicer(finding, index.snapshots),
        OperationServicer(operations),
        LongRunningServicer(operations),
        ClassifierServicer(classifier, operations),
    ]
    return ServiceInstance(servicers, close, begin=operations.begin)


async def _reranker(_: str, context: ServiceContext) -> ServiceInstance:
    from tieback.serving.servicers.reranker import RerankerServicer

    reranker = assembly.build_reranker(context.settings, context.plan, context.encoder())
    context.telemetry.watch_load("reranker", "", lambda: reranker.load)
    servicer = RerankerServicer(ObservedReranker(reranker, context.telemetry))
    return ServiceInstance([servicer], reranker.close, lambda: reranker.load)


async def _generator(_: str, context: ServiceContext) -> ServiceInstance:
    from tieback.serving.servicers.generator import GeneratorServicer

    generator = await asyncio.to_thread(
        assembly.build_generator, context.settings, context.plan, context.encoder()
    )
    name = context.plan.generator.name if context.plan.generator is not None else ""
    context.telemetry.watch_load("generator", name, lambda: generator.load)
    servicer = GeneratorServicer(ObservedGenerator(generator, context.telemetry))
    return ServiceInstance([servicer], generator.close, lambda: generator.load)


_BUILDERS: dict[str, Callable[[str, ServiceContext], Awaitable[ServiceInstance]]] = {
    targets.ROUTER: _router,
    targets.INDEX: _index,
    targets.RERANKER: _reranker,
    targets.GENERATOR: _generator,
}


class ServiceProcess:
    """What runs in a replica's process. `key` is what the platform's processes share; see `InnerTokens`."""

    def __init__(self, settings: Settings, target: str, key: bytes) -> None:
        logs.start(settings)
        self._public = settings
        self.settings = inner_settings(settings)
        if target == targets.INDEX:  # items travel to it with their vectors beside their contents
            self.settings = self.settings.model_copy(
                update={"message_bytes": settings.message_bytes + _VECTOR_BYTES}
            )
        self.target = target
        self.telemetry = Telemetry(self.settings, process=f"tieback-{target}")
        self._make_channel = channel_maker(settings)
        # Encoders may have a public door too, and are sent no more than the gateway was.
        behind = target in (targets.ROUTER, targets.INDEX)
        inner = InnerTokens(key)
        self._server = GrpcServer(self.settings, self.telemetry, behind=behind, inner=inner)
        self._act = acting(self._server.tokens, inner)
        self._listener = MetricsListener(self.telemetry, server_credentials(self.settings))
        self._mesh: Mesh | None = None
        self._service: ServiceInstance | None = None

    async def start(self, host: str, public_host: str = "") -> dict[str, str]:
        """Loads the service and serves it on free ports of `host`. Returns the addresses to publish.

        With a `public_host`, by which clients reach this machine, it takes calls from outside too, as the
        gateway does: with the same certificate, tokens and limits.
        """
        self._mesh = Mesh(DIRECTORY, make_channel=self._make_channel, registry=self.telemetry.registry)
        plan = Plan(self.settings)
        context = ServiceContext(self.settings, plan, self.telemetry, self._mesh, self._act)
        self._service = await _BUILDERS.get(self.target, _encoder)(self.target, context)
        for servicer in self._service.servicers:
            self._server.add(servicer)
        if self._service.load is not None:
            self._server.report(self._service.load)
        if self._service.screen is not None:
            self._server.screen(self._service.screen)
        heap.keep_what_is_there()
        addresses = {}
        if public_host:
            port = self._server.open(self._public.host, 0, server_credentials(self._public))
            addresses["direct_address"] = join_address(public_host, port)
        addresses |= {
            "address": join_address(host, await self._server.start(host, 0)),
            "metrics_address": join_address(host, await self._listener.start(host)),
        }
        await self._server.set_all_ready(True)
        if self._service.begin is not None:
            await self._service.begin()
        logs.event(log, "serving", deployment=self.target, address=addresses["address"])
        return addresses

    def signal(self) -> dict[str, float]:
        """What the number of replicas is decided by; nothing for a service whose number is fixed."""
        meter = self._service.meter if self._service is not None else None
        return meter.read() if meter is not None else {}

    async def stop(self) -> None:
        """Lets running calls end, then frees what the service holds."""
        await self._server.drain()
        if self._service is not None and self._service.close is not None:
            await self._service.close()
        if self._mesh is not None:
            await self._mesh.close()
        await self._listener.stop()
        await asyncio.to_thread(self.telemetry.tracing.close)


def join_address(host: str, port: int) -> str:
    """HOST:PORT, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
