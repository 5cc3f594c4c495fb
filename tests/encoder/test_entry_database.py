"""The database of the cache: what it keeps within its bound, and who shares it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cache_entries import MEBIBYTE, SPACE, bytes_in, entry, key, same, written
from tieback.encoder.cache import Computed
from tieback.encoder.cache.database import Busy, Damaged, EntryDatabase, pack, remove, unpack
from tieback.encoder.cache.disk import DiskCache
from tieback_contract.encodings import Label
from tieback_contract.locators import LocatorKind, Locators


async def test_the_disk_takes_no_more_than_its_bound_and_the_newest_stay(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, SPACE, MEBIBYTE)
    largest = 0
    for number in range(1500):
        disk.put(key(number), entry(number, tokens=number % 12))
        if number % 50 == 0:
            await disk.get([key(number)])
            largest = max(largest, bytes_in(tmp_path))
    await written(disk, 1499)
    found = [n for n in range(1400, 1500) if await disk.get([key(n)])]
    largest = max(largest, bytes_in(tmp_path))
    old = await disk.get([key(number) for number in range(500)])
    state = disk.state
    await disk.close()

    assert largest <= MEBIBYTE
    assert state.bytes <= MEBIBYTE
    assert old == {}
    assert state.dropped == 0
    assert len(found) > 30
    assert found == [*range(1500 - len(found), 1500)]


async def test_writes_that_wait_are_dropped_past_a_bound_and_never_block(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, SPACE, 1 << 30)
    large = entry(0, width=1024, tokens=512)
    begun = time.monotonic()
    for number in range(500):
        disk.put(key(number), large)
    taken = time.monotonic() - begun
    dropped = disk.state.dropped
    await disk.close()

    assert dropped > 0
    assert taken < 1.0


async def test_a_disk_that_is_too_slow_is_a_miss(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, SPACE, MEBIBYTE)
    disk.put(key(1), entry(1))
    await written(disk, 1)
    with sqlite3.connect(tmp_path / f"{SPACE}.sqlite3") as other:
        other.execute("BEGIN EXCLUSIVE")
        disk.put(key(2), entry(2))  # waits for the other one
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        found = await disk.get([key(1)])
        taken = time.monotonic() - begun
        other.rollback()
    other.close()
    await written(disk, 1)
    again = await disk.get([key(1)])
    await disk.close()

    assert found == {}
    assert taken < 0.5
    assert same(again[key(1)], entry(1))


async def test_a_closed_cache_has_written_what_was_put(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, SPACE, 16 * MEBIBYTE)
    for number in range(300):
        disk.put(key(number), entry(number))
    await disk.close()

    again = DiskCache(tmp_path, SPACE, 16 * MEBIBYTE)
    found = await again.get([key(number) for number in range(300)])
    await again.close()

    assert all(same(found[key(number)], entry(number)) for number in range(300))


def fill(folder: Path, begin: int, end: int) -> None:
    """What another replica does."""

    async def work() -> None:
        disk = DiskCache(folder, SPACE, 4 * MEBIBYTE)
        for number in range(begin, end):
            disk.put(key(number), entry(number))
            found = await disk.get([key(max(number - 5, 0))])
            assert all(same(one, entry(max(number - 5, 0))) for one in found.values())
        assert disk.state.is_on
        await disk.close()

    asyncio.run(work())


async def test_two_processes_share_the_database_and_harm_neither_it_nor_each_other(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=fill, args=(tmp_path, n * 200, n * 200 + 300)) for n in range(2)]
    for other in others:
        other.start()
    disk = DiskCache(tmp_path, SPACE, 4 * MEBIBYTE)
    while any(other.is_alive() for other in others):
        disk.put(key(10_000), entry(10_000))
        await disk.get([key(number) for number in range(20)])
        await asyncio.sleep(0.01)
    found: dict[bytes, Computed] = {}
    async with asyncio.timeout(20):
        while len(found) < 500:  # a read that takes long is given up, and asked for again
            for n in range(0, 500, 50):
                found |= await disk.get([key(number) for number in range(n, n + 50)])
    state = disk.state
    await disk.close()

    assert [other.exitcode for other in others] == [0, 0]
    assert len(found) == 500
    assert all(same(found[key(number)], entry(number)) for number in range(500))
    assert state.is_on
    with sqlite3.connect(tmp_path / f"{SPACE}.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


async def test_a_replica_that_is_killed_leaves_what_it_wrote(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    other = spawn.Process(target=fill, args=(tmp_path, 0, 1_000_000))
    other.start()
    disk = DiskCache(tmp_path, SPACE, 4 * MEBIBYTE)
    await written(disk, 100)
    assert other.pid is not None
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    found = await disk.get([key(number) for number in range(50, 100)])
    disk.put(key(2_000_000), entry(1))
    await disk.close()

    again = DiskCache(tmp_path, SPACE, 4 * MEBIBYTE)
    assert await again.get([key(2_000_000)])
    await again.close()
    assert all(same(found[key(number)], entry(number)) for number in range(50, 100))


def test_a_database_in_use_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "words.sqlite3"
    database = EntryDatabase(path, MEBIBYTE)

    with pytest.raises(BlockingIOError):
        remove(path)
    database.close()
    remove(path)

    assert not path.exists()


def test_a_write_waits_for_another_replica_and_then_says_so(tmp_path: Path) -> None:
    path = tmp_path / "words.sqlite3"
    one, other = EntryDatabase(path, MEBIBYTE), sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Busy):
        one.put([(key(1), entry(1))])
    other.rollback()
    other.close()
    one.put([(key(1), entry(1))])

    assert same(one.get([key(1)])[key(1)], entry(1))
    one.close()


@given(
    st.integers(0, 5),
    st.integers(0, 5),
    st.booleans(),
    st.lists(st.tuples(st.text(max_size=5), st.integers(0, 1000), st.floats(0, 1)), max_size=3),
    st.booleans(),
    st.none() | st.integers(0, 5),
    st.sampled_from(LocatorKind),
)
def test_what_is_unpacked_is_what_was_packed(
    width: int,
    tokens: int,
    is_dense: bool,
    labels: list[tuple[str, int, float]],
    invariant: bool,
    terms: int | None,
    kind: LocatorKind,
) -> None:
    values = np.random.default_rng(width).standard_normal((tokens + 1, width)).astype(np.float32)
    given = Computed(
        values[0] if is_dense else None,
        values[1:] if tokens else None,
        Locators.of(kind, [(n, n + 2, 1, 1)[: 4 if kind is LocatorKind.BOX else 2] for n in range(tokens)])
        if tokens
        else None,
        tuple(Label(*label) for label in labels),
        tokens,
        7,
        invariant,
        None if terms is None else np.arange(terms, dtype=np.int32) * 1000,
        None if terms is None else np.linspace(0.5, 2, terms, dtype=np.float32),
    )

    assert same(unpack(b"key", pack(b"key", given)), given)


@given(st.data())
def test_a_changed_byte_or_another_key_is_found_out(data: st.DataObject) -> None:
    body = bytearray(pack(b"key", entry(1, width=4, tokens=2)))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(Damaged):
        unpack(b"key", bytes(body))
    with pytest.raises(Damaged):
        unpack(b"yek", pack(b"key", entry(1)))
    with pytest.raises(Damaged):
        unpack(b"key", bytes(body[: data.draw(st.integers(0, len(body) - 1))]))
