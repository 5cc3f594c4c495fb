"""In an overload, streams of writes wait for room inside the server, and searches find some."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.bag_of_words import BagOfWords, card
from tieback.answer import Answerer, PipelineParts, SingleSpace
from tieback.core.types.fusion import Role
from tieback.encoder import Encoder
from tieback.index import Index
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.servicers.answer import answer_servicer
from tieback.serving.settings import Settings
from tieback_client import AsyncClient, DeadlineExceeded, Item, Overloaded
from tieback_client.values.writes import WriteReport
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

SPACE = "bag-of-words"
ROOM = 400
WORDS, ITEMS = 100, 6
"""Of an item, one of which is a request; of a writer. Four requests are as much as may wait."""


def words_of(number: int) -> str:
    """Words of an item, all of three letters, so that their number is as estimated."""
    return " ".join(f"{number * WORDS + one:03x}" for one in range(WORDS))


@dataclass
class Served:
    address: str
    encoder: Encoder
    model: BagOfWords
    telemetry: Telemetry

    async def write(self, writer: int, timeout: float | None = None) -> WriteReport:
        items = [Item(f"{writer}-{number}", words_of(writer * ITEMS + number)) for number in range(ITEMS)]
        async with AsyncClient(self.address) as client:
            return await client.ingest("notes", items, batch=1, timeout=timeout).collect()

    @property
    def waiting(self) -> int:
        """Tokens that wait for the model."""
        return self.encoder.load(SPACE).queued_tokens

    async def filled(self) -> None:
        """As much waits as writes may fill, behind a batch that the model has begun."""
        while self.waiting < 3 * WORDS or not self.encoder.load(SPACE).active_items:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.005)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    settings = Settings(models=tmp_path, store=tmp_path, drain_seconds=0)
    telemetry = Telemetry(settings)
    (tmp_path / "seed").write_text("0")
    model = BagOfWords(card(tmp_path), pads=False, seconds=0.0002)
    limits = Limits(queued_tokens=ROOM)
    encoder, index = Encoder([model], limits=limits, batch_tokens=WORDS), Index.open(tmp_path / "index")
    one = model.card
    space = SingleSpace(one.space, one.width, {role: {Modality.TEXT: (one.name,)} for role in Role})
    answerer = Answerer(
        PipelineParts(encoder=encoder, index=index, reranker=None, single=[space], limits=limits)
    )
    server = GrpcServer(settings, telemetry)
    server.add(answer_servicer(answerer, telemetry))
    port = await server.start("127.0.0.1", 0)
    yield Served(f"127.0.0.1:{port}", encoder, model, telemetry)
    await server.drain(0)
    await index.close()
    await encoder.close()


@pytest.mark.timeout(30)
async def test_three_writers_that_overfill_the_queue_are_not_refused_and_searches_go_on(
    served: Served,
) -> None:
    async with AsyncClient(served.address) as client:
        await client.ingest("notes", [Item("first", "the moon")]).collect()
        with served.model.paused():
            writers = [asyncio.create_task(served.write(number)) for number in range(3)]
            await served.filled()
            searches = [asyncio.create_task(client.retrieve("notes", f"moon {one}")) for one in range(5)]
            await asyncio.sleep(0.5)  # the writers ask again
            waiting = served.waiting
            assert not any(one.done() for one in (*searches, *writers))
        found = await asyncio.gather(*searches)
        written = await asyncio.gather(*writers)

    assert WORDS * 3 < waiting < WORDS * 3 + 50  # what bulk may fill, and the searches
    assert all(one.hits for one in found)
    assert [one.written for one in written] == [ITEMS] * 3
    assert served.encoder.load(SPACE).rejected == 0


@pytest.mark.timeout(30)
async def test_a_write_that_waits_ends_at_its_deadline(served: Served) -> None:
    with served.model.paused():
        full = [asyncio.create_task(served.write(number)) for number in range(2)]
        await served.filled()

        with pytest.raises((DeadlineExceeded, Overloaded)):
            await served.write(2, timeout=0.5)
    assert [(await one).written for one in full] == [ITEMS, ITEMS]


@pytest.mark.timeout(30)
async def test_a_writer_that_goes_away_leaves_nothing_behind_in_the_queue(served: Served) -> None:
    with served.model.paused():
        writers = [asyncio.create_task(served.write(number)) for number in range(3)]
        await served.filled()
        for one in writers:
            one.cancel()
        while served.waiting:  # noqa: ASYNC110 - a load is a number, no event
            await asyncio.sleep(0.005)

    assert (await served.write(3)).written == ITEMS
