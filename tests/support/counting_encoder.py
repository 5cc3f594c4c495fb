"""An encoder without a model, behind a real server: what it says of a text is how long it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from tieback.core.call import Call
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.encoding import (
    EncodeReply,
    EncodeRequest,
    SplitPiece,
    SplitReply,
    SplitTextsRequest,
)
from tieback.core.types.load import Load
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.servicers.encoder import encoder_servicer
from tieback.serving.settings import Settings
from tieback_contract.encodings import Encoding, EncodingSource
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import SpaceRef, Vector

SPACE = SpaceRef("tiny", "r1", "f1")


class CountingEncoder:
    """Encodes texts into their length; one token per letter.

    It works while `open` is set. A text "bad" fails as an input, "known" was cached; `failure` fails the
    calls that begin while it is there.
    """

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.calls: list[list[str]] = []
        self.deadlines: list[float] = []
        self.cancelled = 0
        self.failure: TiebackError | None = None
        self.load = Load()

    async def encode(self, request: EncodeRequest, call: Call) -> EncodeReply:
        texts = [str(content.data) for content in request.contents]
        self.calls.append(texts)
        self.deadlines.append(call.deadline.remaining())
        failure = self.failure
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if failure is not None:
            raise failure
        results = [self._result(place, text) for place, text in enumerate(texts)]
        tokens = sum(len(text) for text in texts if text not in ("bad", "known"))
        cost = Cost(len(texts), tokens, 2 * tokens, texts.count("known"))
        return EncodeReply(results, Timing(compute=0.001), cost)

    async def split_texts(self, request: SplitTextsRequest, call: Call) -> SplitReply:
        """Into letters."""
        pieces = [[SplitPiece((n, n + 1), 1) for n in range(len(text))] for text in request.texts]
        return SplitReply(pieces, 1, Timing())

    def _result(self, place: int, text: str) -> Encoding | TiebackError:
        if text == "bad":
            return InvalidInput("that text is bad", field=at("contents", place, "text"))
        vector = Vector(np.array([len(text), 1.0], np.float32), SPACE)
        source = EncodingSource.MEMORY if text == "known" else EncodingSource.COMPUTED
        return Encoding(SPACE, Modality.TEXT, vector, token_count=len(text), source=source)


class CountingServer:
    """The encoder's server as a replica has it."""

    def __init__(self, settings: Settings) -> None:
        self.encoder = CountingEncoder()
        self.grpc = GrpcServer(settings, Telemetry(settings))
        self.grpc.add(encoder_servicer(self.encoder))
        self.grpc.report(lambda: self.encoder.load)
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def counting_server() -> AsyncIterator[CountingServer]:
    server = CountingServer(Settings(models=Path("unused"), store=Path("unused"), drain_seconds=1))
    server.port = await server.grpc.start("127.0.0.1", 0)
    await server.grpc.set_all_ready(True)
    try:
        yield server
    finally:
        server.encoder.open.set()
        await server.grpc.drain(0)
