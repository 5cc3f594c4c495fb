"""A real server with a real index and a bag of words for a model: what `tieback index` needs, and fast."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tieback.answer import Answerer, PipelineParts
from tieback.answer.plan import DEFAULT_PLAN
from tieback.encoder import Encoder
from tieback.index import Index
from tieback.models.learned.ranker import TrainedRanker, shipped
from tieback.reranker import Reranker
from tieback.router import Component, Router
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.servicers.answer import answer_servicer
from tieback.serving.servicers.catalog import JointSpace, Offered, catalog_servicer
from tieback.serving.servicers.encoder import encoder_servicer
from tieback.serving.servicers.index import index_servicer
from tieback.serving.settings import Settings
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.server import ServiceState

from support.bag_of_words import WIDTH, BagOfWords, card

SPACES = {Modality.TEXT: ("words",)}


async def _no_states() -> list[ServiceState]:
    return []


class _Library:
    """The server, on an event loop that runs in a thread of its own."""

    def __init__(self, folder: Path, max_tokens: int | None) -> None:
        self._folder, self._max_tokens = folder, max_tokens

    async def start(self) -> int:
        weights, limits = self._folder / "weights", Limits()
        weights.mkdir(parents=True)
        (weights / "seed").write_text("0")
        known = card(weights, "words", max_tokens=self._max_tokens)
        self._encoder = Encoder([BagOfWords(known)], limits=limits)
        self._index = Index.open(self._folder / "store", limits=limits)
        router = Router([Component(known.space, WIDTH)], [], limits=limits)
        settings = Settings(models=Path("unused"), store=Path("unused"), drain_seconds=1)
        telemetry = Telemetry(settings)
        self._server = GrpcServer(settings, telemetry)
        answerer = Answerer(
            PipelineParts(
                joint=router.space,
                spaces=SPACES,
                encoder=self._encoder,
                router=router,
                index=self._index,
                reranker=Reranker(self._encoder, space="words", limits=limits),
                generator=None,
                ranker=TrainedRanker.load(shipped()),
                highlight_space="words",
                limits=limits,
            )
        )
        joint = JointSpace.of(router.space, SPACES)
        self._server.add(index_servicer(self._index, self._index.snapshots, self._index.stored))
        self._server.add(encoder_servicer(self._encoder))
        self._server.add(answer_servicer(answerer, telemetry))
        self._server.add(
            catalog_servicer(
                Offered(
                    *([known], [], [], [], [], joint, [], "joint", limits, DEFAULT_PLAN),
                    states=_no_states,
                    endpoints=lambda _: (),
                )
            )
        )
        port = await self._server.start("127.0.0.1", 0)
        await self._server.set_all_ready(True)
        return port

    async def close(self) -> None:
        await self._server.drain(0)
        await self._index.close()
        await self._encoder.close()


@contextmanager
def small_library(folder: Path, *, max_tokens: int | None = None) -> Iterator[str]:
    """The address of a running server that keeps its things in the folder, with a model of that window."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="library", daemon=True)
    thread.start()
    library = _Library(folder, max_tokens)
    try:
        port = asyncio.run_coroutine_threadsafe(library.start(), loop).result(60)
        yield f"localhost:{port}"
        asyncio.run_coroutine_threadsafe(library.close(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
