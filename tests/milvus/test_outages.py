import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import milvus_lite
from support.requests import searched
from support.sections import SPACE, WIDTH, item, vector
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, StartupError, Unavailable
from tieback.milvus import MilvusIndex
from tieback.milvus.connection import AWAY, Milvus

NORTH = vector(1, 0, 0, 0)


@pytest.fixture
def server(folder: Path) -> Iterator[milvus_lite.OwnProcess]:
    with milvus_lite.in_own_process(folder) as running:
        yield running


async def test_a_milvus_that_is_away_is_said_at_once_and_found_again(server: milvus_lite.OwnProcess) -> None:
    failures: list[str] = []
    index = MilvusIndex(Milvus(server.address, observe=lambda _m, _s, failure: failures.append(failure)))
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [item("a")])
    server.kill()
    begin = time.monotonic()

    for call in (
        lambda: searched(index, "docs", vector=NORTH),
        lambda: index.upsert("docs", [item("b")]),
        lambda: index.list_collections(),
        lambda: index.reach(),
    ):
        with pytest.raises(Unavailable) as caught:
            await call()
        assert caught.value.message == AWAY
        assert server.address.rpartition(":")[2] not in caught.value.message

    assert time.monotonic() - begin < 5
    assert "away" in failures
    server.start()
    for _ in range(100):
        try:
            await index.reach()
            break
        except Unavailable:
            await asyncio.sleep(0.1)
    (hit,) = (await searched(index, "docs", vector=NORTH)).hits
    assert hit.item_id == "a"
    assert (await index.upsert("docs", [item("b")])).results == [None]
    await index.close()


def test_a_milvus_that_was_away_for_long_is_found_as_soon_as_it_takes_connections(
    server: milvus_lite.OwnProcess,
) -> None:
    milvus = Milvus(server.address)
    milvus.call("list_collections")
    server.kill()
    end = time.monotonic() + 9
    while time.monotonic() < end:
        with suppress(Unavailable):
            milvus.call("list_collections")
        time.sleep(0.2)
    server.start()
    begin = time.monotonic()

    while True:
        with suppress(Unavailable):
            milvus.call("list_collections")
            break
        time.sleep(0.05)

    assert time.monotonic() - begin < 3
    milvus.close()


async def test_an_index_starts_without_its_milvus_and_serves_once_it_is_there(folder: Path) -> None:
    server = milvus_lite.OwnProcess(folder)
    index = MilvusIndex(Milvus(server.address))
    with pytest.raises(Unavailable):
        await index.create_collection("docs", SPACE, WIDTH)

    server.start()
    try:
        for _ in range(100):
            try:
                await index.create_collection("docs", SPACE, WIDTH)
                break
            except Unavailable:
                await asyncio.sleep(0.1)
        assert [one.name for one in (await index.list_collections())[0]] == ["docs"]
        await index.close()
    finally:
        server.kill()


async def test_a_milvus_that_does_not_answer_costs_a_caller_no_more_than_its_deadline(
    server: milvus_lite.OwnProcess,
) -> None:
    index = MilvusIndex(Milvus(server.address))
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [item("a")])
    server.signal(signal.SIGSTOP)
    begin = time.monotonic()

    with pytest.raises((DeadlineExceeded, Unavailable)):
        await searched(index, "docs", vector=NORTH, deadline=Deadline.after(0.5))

    assert 0.4 < time.monotonic() - begin < 2
    server.signal(signal.SIGCONT)
    assert len((await searched(index, "docs", vector=NORTH)).hits) == 1
    await index.close()


def test_a_folder_that_another_process_uses_stops_the_start(
    server: milvus_lite.OwnProcess, folder: Path
) -> None:
    with pytest.raises(StartupError, match="another process has it open"):
        Milvus(str(folder))
