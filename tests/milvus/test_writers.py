"""Several processes over one Milvus, and one that was killed while it wrote."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import milvus_lite
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.core.deadline import NO_DEADLINE
from tieback.core.errors import Unavailable
from tieback.milvus import MilvusIndex, numbers, schema, turns
from tieback.milvus.catalog import Catalog, Known
from tieback.milvus.connection import Milvus
from tieback.milvus.numbers import NumbersHead, NumberStore
from tieback.milvus.turns import Turns

pytestmark = pytest.mark.all

NORTH = vector(1, 0, 0, 0)
# As long as a process was waited for before was 60 s; it is 8 s on a machine that does nothing else.
BUSY_SECONDS = 20


def known(address: str) -> Known:
    (found,) = Catalog(Milvus(address)).all().values()
    return found


def head(address: str) -> NumbersHead:
    milvus = Milvus(address)
    store = NumberStore(milvus, known(address).identity, "reader")
    read = store.head()
    store.look_up(read, [1], deadline=NO_DEADLINE)
    return read


async def test_what_one_process_writes_another_finds_at_once(index: MilvusIndex, address: str) -> None:
    other = MilvusIndex(Milvus(address))
    assert (await searched(other, "docs", vector=NORTH)).hits == []

    await index.upsert("docs", [item("a", section(axis(0), "harbour lights"))])

    assert [hit.item_id for hit in (await searched(other, "docs", vector=NORTH)).hits] == ["a"]
    assert (await other.get_item("docs", "a")).id == "a"
    await asyncio.sleep(1.0)
    assert [hit.item_id for hit in (await searched(other, "docs", text="harbour")).hits] == ["a"]
    await other.delete_items("docs", ["a"])
    assert (await index.list_items("docs"))[0] == []
    await other.close()


async def test_processes_that_start_on_an_empty_milvus_at_once_make_one_catalog(address: str) -> None:
    both = [MilvusIndex(Milvus(address)) for _ in range(2)]
    names = ["one", "two"]

    await asyncio.gather(
        *(one.create_collection(name, SPACE, WIDTH) for one, name in zip(both, names, strict=True))
    )

    for one in both:
        assert [found.name for found in (await one.list_collections())[0]] == names
        await one.close()


async def test_processes_that_make_one_collection_at_once_write_to_the_same(address: str) -> None:
    several = [MilvusIndex(Milvus(address)) for _ in range(3)]
    await several[0].create_collection("before", SPACE, WIDTH)

    async def write(one: MilvusIndex, name: str) -> None:
        await one.create_collection("new", SPACE, WIDTH)
        assert (await one.upsert("new", [item(name)])).results == [None]

    await asyncio.gather(*(write(one, f"p{n}") for n, one in enumerate(several)))

    await asyncio.sleep(1.0)  # longer than a catalog is used that was read
    for one in several:
        assert [found.id for found in (await one.list_items("new"))[0]] == ["p0", "p1", "p2"]
        await one.close()


async def test_a_collection_that_another_process_made_or_removed_is_known_here(
    index: MilvusIndex, address: str
) -> None:
    other = MilvusIndex(Milvus(address))
    await other.create_collection("new", SPACE, WIDTH)
    assert (await index.get_collection("new")).name == "new"

    await other.delete_collection("new")
    await other.create_collection("new", SPACE, 3)

    await asyncio.sleep(1.0)
    assert (await index.get_collection("new")).width == 3
    await other.close()


async def test_processes_that_write_at_once_take_turns_and_the_numbers_are_right(
    index: MilvusIndex, address: str
) -> None:
    others = [MilvusIndex(Milvus(address)) for _ in range(2)]

    async def write(one: MilvusIndex, name: str) -> None:
        for turn in range(6):
            items = [item(f"shared{turn}", section(axis(0), f"{name} word")), item(f"{name}{turn}")]
            assert (await one.upsert("docs", items)).results == [None, None]

    await asyncio.gather(*(write(one, f"p{n}") for n, one in enumerate([index, *others])))

    found = head(address)
    assert (found.items, found.sections) == (6 + 18, 6 + 18)
    assert len((await index.list_items("docs"))[0]) == 24
    for one in others:
        await one.close()


async def test_numbers_are_counted_again_after_a_writer_was_killed(
    index: MilvusIndex, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await index.upsert("docs", [item("a", section(axis(0), "harbour lights"), colour="red")])
    before = head(address)
    killed = NumberStore(Milvus(address), known(address).identity, "killed")
    with killed.turn():  # and then it wrote some numbers, and died
        wrong = [numbers._row("total", "items", 40.0), numbers._row("key", "strings x", 1.0)]
        killed._upsert(killed._name, wrong)
    assert head(address).items == 40

    monkeypatch.setattr(turns, "LEFT_BEHIND", 0.3)
    await index.delete_items("docs", ["nothing"])

    after = head(address)
    assert (after.totals, after.kinds, after.languages) == (before.totals, before.kinds, before.languages)


async def test_a_writer_waits_for_another_and_is_told_if_that_does_not_end(
    index: MilvusIndex, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_LONGEST_WAIT", 0.5)
    other = NumberStore(Milvus(address), known(address).identity, "other")

    with other.turn():
        with pytest.raises(Unavailable, match="other processes write"):
            await index.upsert("docs", [item("a")])

        other.end({})
    assert (await index.upsert("docs", [item("a")])).results == [None]


WRITER = """
import asyncio, sys
from support.sections import axis, item, section
from tieback.milvus import MilvusIndex
from tieback.milvus.connection import Milvus

async def main():
    index = MilvusIndex(Milvus(sys.argv[1]))
    turn = 0
    print("begun", flush=True)
    while turn != int(sys.argv[2]):
        names = [f"i{(turn * 7 + n) % 50}" for n in range(10)]
        parts = range(1 + turn % 3)
        items = [item(n, *(section(axis(p), f"turn {turn} of {n}") for p in parts)) for n in names]
        await index.upsert("docs", items)
        print(turn, *names, flush=True)
        turn += 1

asyncio.run(main())
"""


@contextmanager
def writer(address: str, turns: int = -1) -> Iterator[subprocess.Popen[str]]:
    """A process that writes so many turns, or on and on. It prints each that was acknowledged."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parents[1])])}
    command = [sys.executable, "-c", WRITER, address, str(turns)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        try:
            yield running
        finally:
            running.kill()


def stopped_in_its_turn(address: str, process: subprocess.Popen[str]) -> None:
    """Stops a process that writes, while it has the turn."""
    rows = Turns(Milvus(address), schema.numbers_of(known(address).identity), "reader")
    for _ in range(200):
        process.send_signal(signal.SIGSTOP)
        if any(number for number, _ in rows._read().writers.values()):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("it never had the turn")


def acknowledged_before_a_kill(address: str, seconds: float) -> dict[str, int]:
    """The last acknowledged turn of each item, of a process that was killed after so many seconds."""
    with writer(address) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(seconds)
        process.kill()
        lines += process.stdout.read().splitlines()
    found: dict[str, int] = {}
    for line in lines:
        turn, *names = line.split()
        found |= dict.fromkeys(names, int(turn))
    return found


@pytest.mark.parametrize("seconds", [0.2, 0.5, 0.9])
async def test_nothing_acknowledged_is_lost_when_a_writer_is_killed(
    index: MilvusIndex, address: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged = await asyncio.to_thread(acknowledged_before_a_kill, address, seconds)
    monkeypatch.setattr(turns, "LEFT_BEHIND", 0.3)
    await index.upsert("docs", [item("last")])

    kept = {one.id: one for one in (await index.list_items("docs", page_size=1000))[0]}
    assert acknowledged
    for name, written in acknowledged.items():
        first = kept[name].sections[0].content
        assert first is not None
        assert int(str(first.data).split()[1]) >= written
    described = await index.get_collection("docs")
    assert described.item_count == len(kept)
    assert described.section_count == sum(len(one.sections) for one in kept.values())


async def test_others_write_within_seconds_after_a_process_was_killed_in_its_turn(
    index: MilvusIndex, address: str
) -> None:
    with writer(address) as process:
        stopped_in_its_turn(address, process)
        process.kill()
        begin = time.monotonic()
        await index.upsert("docs", [item("after")])

    assert time.monotonic() - begin < BUSY_SECONDS
    await right_numbers(index)


async def test_a_process_that_stopped_for_longer_than_others_wait_writes_again_what_it_wrote(
    index: MilvusIndex, address: str
) -> None:
    """It is not killed, so what it acknowledges in the end must be there, and no item of two writes."""
    with writer(address, turns=4) as process:
        stopped_in_its_turn(address, process)
        begin = time.monotonic()
        names = [f"i{n}" for n in range(50)]
        others = [item(name, *(section(axis(p), "turn other of it") for p in range(3))) for name in names]
        assert (await index.upsert("docs", others)).results == [None] * 50
        waited = time.monotonic() - begin
        process.send_signal(signal.SIGCONT)
        said = await asyncio.to_thread(process.communicate)

    assert waited < BUSY_SECONDS
    acknowledged = [line.split() for line in said[0].splitlines()]
    assert [int(turn) for turn, *_ in acknowledged][-1] == 3
    kept = {one.id: one for one in (await index.list_items("docs", page_size=1000))[0]}
    for one in kept.values():
        texts = {str(part.content.data) for part in one.sections if part.content is not None}
        assert len({text.split()[1] for text in texts}) == 1, f"{one.id} is of several writes: {texts}"
    assert {str(kept[name].sections[0].content.data).split()[1] for name in acknowledged[-1][1:]} == {"3"}  # type: ignore[union-attr]  # each has one
    await right_numbers(index)


async def test_who_lives_is_waited_for_however_long_it_writes_and_so_are_those_that_wait(
    index: MilvusIndex, address: str
) -> None:
    identity = known(address).identity
    slow = NumberStore(Milvus(address), identity, "slow")
    others = [MilvusIndex(Milvus(address)) for _ in range(2)]

    with slow.turn():
        writes = [asyncio.create_task(one.upsert("docs", [item("a")])) for one in others]
        await asyncio.sleep(turns.LEFT_BEHIND + 2)
        assert not any(write.done() for write in writes)
        slow.end({})
    await asyncio.gather(*writes)

    rows = Turns(Milvus(address), schema.numbers_of(identity), "reader")._read()
    assert (rows.writers, rows.fences) == ({}, {})
    await right_numbers(index)
    for one in others:
        await one.close()


async def test_others_write_within_seconds_after_milvus_was_away_while_a_process_had_the_turn(
    folder: Path,
) -> None:
    with milvus_lite.in_own_process(folder) as server:
        index = MilvusIndex(Milvus(server.address))
        await index.create_collection("docs", SPACE, WIDTH)
        await index.upsert("docs", [item("before")])
        store = NumberStore(Milvus(server.address), known(server.address).identity, "first")
        with pytest.raises(Unavailable), store.turn():
            server.kill()
            store.end({})
        server.start()
        begin = time.monotonic()
        while True:
            try:
                await index.upsert("docs", [item("after")])
                break
            except Unavailable:
                await asyncio.sleep(0.1)

        assert time.monotonic() - begin < BUSY_SECONDS
        await right_numbers(index)
        await index.close()


async def right_numbers(index: MilvusIndex) -> None:
    """Holds the numbers of the collection against what is in it."""
    kept = (await index.list_items("docs", page_size=1000))[0]
    described = await index.get_collection("docs")
    assert described.item_count == len(kept)
    assert described.section_count == sum(len(one.sections) for one in kept)
