"""A tiny encoder server over TCP, one line of JSON a request, and the target that reaches it.

It answers a text with its length, computes one request at a time as a model does, and can be told to pause,
to refuse or to fail.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.load.target import Rejected


@dataclass
class LineServer:
    """`seconds` is what a request takes; `refusals` and `faults` are how many of the next it turns away."""

    seconds: float = 0.0
    pause: float = 0.0
    refusals: int = 0
    retry_after: float = 0.05
    faults: int = 0
    asked: int = 0
    most_in_flight: int = 0
    port: int = 0
    _in_flight: int = 0
    _model: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await self._answer(json.loads(line))).encode() + b"\n")
        writer.close()

    async def _answer(self, texts: Sequence[str]) -> dict[str, object]:
        self.asked += 1
        if self.refusals > 0:
            self.refusals -= 1
            return {"retry_after": self.retry_after}
        if self.faults > 0:
            self.faults -= 1
            return {"fault": "out of order"}
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        async with self._model:
            pause, self.pause = self.pause, 0.0
            await asyncio.sleep(self.seconds + pause)
        self._in_flight -= 1
        return {"vectors": [[float(len(text))] for text in texts]}


@dataclass
class LineTarget:
    """A connection a call, so that calls do not wait for each other before the server."""

    port: int

    async def open(self) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()

    async def close(self) -> None: ...

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(json.dumps(list(texts)).encode() + b"\n")
            answer = json.loads(await reader.readline())
        finally:
            writer.close()
        if "retry_after" in answer:
            raise Rejected("busy", retry_after=answer["retry_after"])
        if "fault" in answer:
            raise ValueError(answer["fault"])
        return np.array(answer["vectors"], np.float32)


@contextmanager
def line_server_in_a_thread(server: LineServer) -> Iterator[LineTarget]:
    """For callers that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    try:
        yield LineTarget(server.port)
    finally:
        loop.call_soon_threadsafe(started.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
