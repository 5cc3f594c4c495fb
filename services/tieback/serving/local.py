"""Every service in one process behind one grpc.aio server, without Ray: for a laptop and for tests."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any

from tieback.answer.plan import DEFAULT_PLAN
from tieback.serving import assembly, heap, logs
from tieback.serving.metrics_page import MetricsPage
from tieback.serving.observed import (
    ObservedEncoder,
    ObservedGenerator,
    ObservedIndex,
    ObservedReranker,
    ObservedRouter,
)
from tieback.serving.operation_owner import acting
from tieback.serving.plan import Plan
from tieback.serving.retired import RetiredCards, RetiredSpaces
from tieback.serving.server import GrpcServer
from tieback.serving.servicers.answer import AnswerServicer
from tieback.serving.servicers.catalog import CatalogServicer, JointSpace, ServiceState
from tieback.serving.servicers.classifier import ClassifierServicer
from tieback.serving.servicers.encoder import EncoderServicer
from tieback.serving.servicers.generator import GeneratorServicer
from tieback.serving.servicers.index import IndexServicer
from tieback.serving.servicers.long_running import LongRunningServicer
from tieback.serving.servicers.operation import OperationServicer
from tieback.serving.servicers.reranker import RerankerServicer
from tieback.serving.servicers.router import RouterServicer
from tieback.serving.settings import Settings
from tieback.serving.telemetry import Telemetry

log = logging.getLogger(__name__)


class LocalServer:
    """The whole platform in this process. An async context manager; `port` is known inside."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._page: MetricsPage | None = None
        self.port = 0
        self.metrics_port: int | None = None

    async def __aenter__(self) -> LocalServer:
        settings = self._settings
        plan = Plan(settings)
        self.telemetry = telemetry = Telemetry(settings, process="tieback-local")
        self._server = server = GrpcServer(settings, telemetry)
        # The index first: where another server has the store, nothing else is worth loading.
        retired_cards = RetiredCards(settings, plan.encoders)
        index = await asyncio.to_thread(assembly.build_index, settings, plan, retired_cards.has)
        self._closers.append(index.close)
        try:
            encoder = await asyncio.to_thread(
                assembly.build_encoder, settings, plan.encoders, telemetry.observe_batch
            )
            self._closers.append(encoder.close)
            encoding = ObservedEncoder(encoder, telemetry)
            retired = RetiredSpaces(settings, retired_cards, encoder)
            self._closers.append(retired.close)
            router = fusing = None
            if plan.joins:
                router = await asyncio.to_thread(assembly.build_router, settings, plan, telemetry)
                fusing = ObservedRouter(router, telemetry)
            reranker = reranking = None
            if plan.reranks:
                reranker = assembly.build_reranker(settings, plan, encoding)
                self._closers.append(reranker.close)
                reranking = ObservedReranker(reranker, telemetry)
            generator = writing = None
            if plan.generator is not None:
                generator = await asyncio.to_thread(assembly.build_generator, settings, plan, encoding)
                self._closers.append(generator.close)
                writing = ObservedGenerator(generator, telemetry)
            finding = ObservedIndex(index, telemetry)
            answerer = assembly.build_answerer(
                settings,
                plan,
                encoder=encoding,
                router=fusing,
                index=finding,
                reranker=reranking,
                generator=writing,
                retired=retired,
            )
            classifier = await asyncio.to_thread(assembly.build_classifier, settings, answerer)
            self._closers.append(classifier.close)
            operations = await asyncio.to_thread(
                assembly.build_operations,
                settings,
                answerer,
                index,
                classifier,
                telemetry,
                acting(server.tokens),
            )
            self._closers.append(operations.close)
            await encoder.warm_up()

            names = [f"encoder:{card.name}" for card in plan.encoders]
            served = {"router": router, "index": index, "reranker": reranker, "generator": generator}
            names += [*(name for name, service in served.items() if service is not None), "answer"]
            catalog = CatalogServicer(
                plan.encoders,
                [plan.generator] if plan.generator is not None else [],
                None if router is None else JointSpace.of(router.space, plan.spaces_by_modality),
                assembly.request_families(),
                plan.default_space,
                settings.limits,
                DEFAULT_PLAN,
                _all_ready(names),
                lambda _: (),  # this server is the only one there is
            )
            server.add(EncoderServicer(encoding))
            server.screen(encoder)
            if fusing is not None:
                server.add(RouterServicer(fusing))
            server.add(IndexServicer(finding, index.snapshots))
            if reranking is not None:
                server.add(RerankerServicer(reranking))
            if writing is not None:
                server.add(GeneratorServicer(writing))
            server.add(AnswerServicer(answerer, telemetry))
            server.add(OperationServicer(operations))
            server.add(LongRunningServicer(operations))
            server.add(ClassifierServicer(classifier, operations))
            server.add(catalog)

            telemetry.watch_preparation(lambda: encoder.preparing, lambda: encoder.decoded_bytes)
            for card in plan.encoders:
                telemetry.watch_load("encoder", card.name, _load_of(encoder, card.name))
                telemetry.watch_cache(card.name, encoder.cache_state)
            if generator is not None and plan.generator is not None:
                telemetry.watch_load("generator", plan.generator.name, lambda: generator.load)
            telemetry.watch_load("index", "", lambda: index.load)
            if reranker is not None:
                telemetry.watch_load("reranker", "", lambda: reranker.load)
            telemetry.watch_index(lambda: index.size)
            if settings.metrics_port is not None:
                self._page = MetricsPage(settings.host, settings.metrics_port, telemetry.page)
                self.metrics_port = self._page.port
            self.port = await server.start(settings.host, settings.port)
            await server.set_all_ready(True)
            await operations.begin()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.drain()
        await self._close()

    async def _close(self) -> None:
        for close in reversed(self._closers):
            await close()
        if self._page is not None:  # whoever waits for its port finds the store free, too
            await asyncio.to_thread(self._page.close)
        await asyncio.to_thread(self.telemetry.tracing.close)


async def run(settings: Settings, ready: Callable[[LocalServer], None]) -> None:
    """Serves until SIGTERM or SIGINT, then drains. `ready` is told once everything can be asked."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with LocalServer(settings) as server:
        heap.keep_what_is_there()
        ready(server)
        await stop.wait()
        logs.event(log, "draining", seconds=settings.drain_seconds)


def _all_ready(names: Sequence[str]) -> Callable[[], Awaitable[list[ServiceState]]]:
    async def states() -> list[ServiceState]:
        return [ServiceState(name, True) for name in names]

    return states


def _load_of(encoder: Any, space: str) -> Callable[[], Any]:
    return lambda: encoder.load(space)
