"""A stream whose server goes away and returns, again and again, before it has answered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.bag_of_words import BagOfWords, card
from support.waiting import until
from tieback.encoder import Encoder
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.servicers.encoder import encoder_servicer
from tieback.serving.settings import Settings
from tieback_client import AsyncClient, Client, Retry, Unavailable

TEXTS, SPACE = ["owl"], "bag-of-words"
PATIENCE = 1.5  # seconds, of the client


class Server:
    """A server whose model holds what it is given until `release`. It can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        (folder / "seed").write_text("0")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._card = card(folder)
        self._encoders: list[Encoder] = []
        self._holding = contextlib.ExitStack()

    async def start(self) -> None:
        settings = Settings(models=Path("unused"), store=Path("unused"))
        self.model = BagOfWords(self._card)
        self._encoders.append(Encoder([self.model]))
        self._holding.enter_context(self.model.paused())
        self._grpc = GrpcServer(settings, Telemetry(settings))
        self._grpc.add(encoder_servicer(self._encoders[-1]))
        await self._grpc.start("127.0.0.1", self.port)

    async def kill(self) -> None:
        """Breaks its connections, as the end of its process would."""
        await self._grpc.server.stop(None)
        await self._grpc.drain(0)

    def release(self) -> None:
        self._holding.close()

    async def close(self) -> None:
        self.release()
        await self._grpc.drain(0)
        for encoder in self._encoders:
            await encoder.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    one = Server(tmp_path)
    await one.start()
    yield one
    await one.close()


async def lost_three_times(server: Server) -> None:
    """Is there again each time at once, and for longer than the client waits for a server that is gone."""
    await until(server.model.running.is_set)
    for _ in range(3):
        await asyncio.sleep(PATIENCE / 2 + 0.1)
        await server.kill()
        await server.start()
        await until(server.model.running.is_set)
    server.release()


async def test_the_wait_for_a_server_begins_anew_when_it_has_returned(server: Server) -> None:
    retry = Retry(seconds=PATIENCE)
    async with AsyncClient(f"127.0.0.1:{server.port}", retry=retry) as client:
        reading = asyncio.create_task(client.encode_stream(TEXTS, space=SPACE).collect())
        await lost_three_times(server)

        assert len(await reading) == 1
        assert client.retries >= 3


async def test_so_it_does_for_the_client_that_blocks(server: Server) -> None:
    with Client(f"127.0.0.1:{server.port}", retry=Retry(seconds=PATIENCE)) as client:
        stream = client.encode_stream(TEXTS, space=SPACE)
        reading = asyncio.create_task(asyncio.to_thread(stream.collect))
        await lost_three_times(server)

        assert len(await reading) == 1
        assert client.retries >= 3


async def test_a_stream_that_brings_its_server_down_each_time_is_given_up(server: Server) -> None:
    restarts = 0
    async with AsyncClient(f"127.0.0.1:{server.port}", retry=Retry(seconds=0.3)) as client:
        reading = asyncio.create_task(client.encode_stream(TEXTS, space=SPACE).collect())
        await until(server.model.running.is_set)
        while not reading.done() and restarts < 30:
            restarts += 1
            await server.kill()
            await server.start()
            await until(lambda: server.model.running.is_set() or reading.done())

        with pytest.raises(Unavailable, match=r"went away after \d+ attempts"):
            await reading
        assert restarts > 1
