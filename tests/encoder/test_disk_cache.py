"""The cache on disk: what a restart finds, and what a bad disk cannot do."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.asking import encodings, texts, vector
from support.bag_of_words import BagOfWords, card, dense
from tieback.core.errors import StartupError
from tieback.core.types.encoding import EncodePlan, Encoding, EncodingSource, Label
from tieback.core.types.locators import LocatorKind, Locators
from tieback.core.types.vectors import VectorKind
from tieback.encoder import CacheOptions, Encoder
from tieback.encoder.computed import Computed, arrays_of
from tieback.encoder.disk_cache import DiskCache
from tieback.encoder.entry_database import Busy, EntryDatabase, remove
from tieback.encoder.entry_format import ARRAYS, Damaged, pack, unpack

SPACE = "bag-of-words"
MEBIBYTE = 1 << 20
COMPUTED, MEMORY, DISK = EncodingSource.COMPUTED, EncodingSource.MEMORY, EncodingSource.DISK
ALL = EncodePlan(kinds=frozenset(VectorKind))


def encoder(weights: Path, disk: Path, *, disk_bytes: int = 16 * MEBIBYTE, **changes: object) -> Encoder:
    return Encoder([BagOfWords(card(weights, **changes))], cache=CacheOptions(MEBIBYTE, disk, disk_bytes))


async def asked_once(
    weights: Path, disk: Path, *given: str, plan: EncodePlan | None = None, **changes: object
) -> list[Encoding]:
    """What a replica says that starts, is asked once and stops."""
    made = encoder(weights, disk, **changes)
    try:
        return encodings(await made.encode(SPACE, texts(*given), plan or EncodePlan()))
    finally:
        await made.close()


def sources(found: Sequence[Encoding]) -> list[EncodingSource]:
    return [encoding.source for encoding in found]


def entry(number: int, width: int = 384, tokens: int = 0) -> Computed:
    values = np.random.default_rng(number).standard_normal((tokens + 1, width)).astype(np.float32)
    rows = values[1:] if tokens else None
    spans = [(n, n + 1) for n in range(tokens)]
    return Computed(
        values[0], rows, Locators.of(LocatorKind.BYTE_SPAN, spans) if tokens else None, (), 3, 0, False
    )


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def same(one: Computed, other: Computed) -> bool:
    arrays = zip(arrays_of(one), arrays_of(other), strict=True)
    return others_of(one) == others_of(other) and all(
        (a is None and b is None) or (np.array_equal(a, b) and a.dtype == b.dtype)  # type: ignore[arg-type,union-attr]
        for a, b in arrays
    )


def others_of(computed: Computed) -> list[object]:
    fields = zip(computed._fields, computed, strict=True)
    return [
        value.kind if isinstance(value, Locators) else value for name, value in fields if name not in ARRAYS
    ]


async def written(disk: DiskCache, number: int) -> None:
    """Waits until an entry is on disk."""
    while not await disk.get([key(number)]):  # noqa: ASYNC110 - another thread's or process's work
        await asyncio.sleep(0.005)


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def test_a_replica_that_starts_again_starts_warm(tmp_path: Path) -> None:
    disk = tmp_path / "cache"
    first = await asked_once(tmp_path / "w", disk, "tea and milk", plan=ALL)

    made = encoder(tmp_path / "w", disk)
    again = await made.encode(SPACE, texts("tea and milk", "bread"), ALL)
    then = await made.encode(SPACE, texts("tea and milk"), ALL)
    state = made.cache_state(SPACE)
    await made.close()

    assert sources(first) == [COMPUTED]
    assert sources(encodings(again)) == [DISK, COMPUTED]
    assert sources(encodings(then)) == [MEMORY]
    assert again.cost.cached_items == 1
    assert (state.disk_hits, state.memory_hits, state.misses) == (1, 1, 1)
    assert state.disk is not None
    assert state.disk.is_on
    assert state.disk.bytes > 0
    old, new = first[0], encodings(again)[0]
    assert old.multi_vector is not None
    assert new.multi_vector is not None
    np.testing.assert_array_equal(vector(new).values, vector(old).values, strict=True)
    np.testing.assert_array_equal(new.multi_vector.values, old.multi_vector.values, strict=True)
    ours, theirs = new.multi_vector.locators, old.multi_vector.locators
    np.testing.assert_array_equal(ours.places, theirs.places, strict=True)
    assert (ours.kind, new.labels, new.token_count) == (theirs.kind, old.labels, 3)
    assert not vector(new).values.flags.writeable


def plain(value: object) -> object:
    """Something that compares, where every bit and the types of arrays count."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if dataclasses.is_dataclass(value):
        return [plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


@settings(max_examples=25, deadline=None)
@given(
    st.sets(st.sampled_from(list(VectorKind)), min_size=1),
    st.lists(st.sampled_from(["tea", "milk", "bread", "boats"]), min_size=1, max_size=6),
    st.sampled_from([8, 16, 32]),
    st.booleans(),
)
def test_what_memory_and_disk_hold_is_bit_for_bit_what_is_computed(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: set[VectorKind],
    words: list[str],
    width: int,
    terms: bool,
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    given, plan = " ".join(words), EncodePlan(width, kinds=frozenset(kinds), terms=terms)

    async def ask() -> list[Encoding]:
        found = await asked_once(folder, folder / "disk", given, plan=plan)
        made = encoder(folder, folder / "disk")
        for _ in range(2):
            found += encodings(await made.encode(SPACE, texts(given), plan))
        await made.close()
        return found

    found = asyncio.run(ask())

    assert sources(found) == [COMPUTED, DISK, MEMORY]
    computed, *kept = (plain(dataclasses.replace(one, source=COMPUTED)) for one in found)
    assert kept == [computed, computed]


async def test_another_revision_or_fingerprint_finds_nothing(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "weights").write_text(folder.name)
    await asked_once(old, tmp_path / "cache", "tea")

    other_weights = await asked_once(new, tmp_path / "cache", "tea")
    other_use = await asked_once(old, tmp_path / "cache", "tea", max_tokens=100)
    same_again = await asked_once(old, tmp_path / "cache", "tea")

    assert sources([*other_weights, *other_use, *same_again]) == [COMPUTED, COMPUTED, DISK]


async def test_only_what_ran_alone_answers_who_asks_for_that(tmp_path: Path) -> None:
    alone = EncodePlan(batch_invariant=True)
    found = []
    for plan in (EncodePlan(), alone, alone, EncodePlan()):
        found += await asked_once(tmp_path, tmp_path / "cache", "tea", plan=plan)

    assert sources(found) == [COMPUTED, COMPUTED, DISK, DISK]


@pytest.mark.parametrize("what", ["no database", "cut short", "another program's", "garbled inside"])
async def test_a_file_that_cannot_be_read_is_begun_anew_with_a_line_in_the_log(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    disk, weights = tmp_path / "cache", tmp_path / "w"
    given = [f"text {number}" for number in range(50)]
    await asked_once(weights, disk, *given, plan=ALL)
    file = disk / f"{SPACE}.sqlite3"
    whole = file.read_bytes()
    if what == "no database":
        file.write_bytes(b"this is a diary, not a database " * 1000)
    elif what == "cut short":
        file.write_bytes(whole[: len(whole) // 2])
    elif what == "garbled inside":
        file.write_bytes(whole[:8192] + bytes(byte ^ 0x55 for byte in whole[8192:]))
    else:
        file.unlink()
        with sqlite3.connect(file) as other:
            other.execute("CREATE TABLE entries (id, whatever)")
        other.close()

    after = await asked_once(weights, disk, *given, plan=ALL)
    again = await asked_once(weights, disk, *given, plan=ALL)

    assert sources(after) == [COMPUTED] * 50
    assert sources(again) == [DISK] * 50
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert "begun anew" in lines[0].getMessage()
    for encoding, text in zip(again, given, strict=True):
        np.testing.assert_allclose(vector(encoding).values, dense(text), atol=1e-6)


async def test_a_file_larger_than_its_new_bound_is_begun_anew(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, SPACE, 8 * MEBIBYTE)
    for number in range(2000):
        disk.put(key(number), entry(number))
    await disk.close()
    before = bytes_in(tmp_path)

    smaller = DiskCache(tmp_path, SPACE, MEBIBYTE)
    smaller.put(key(1), entry(1))
    await smaller.close()

    assert before > MEBIBYTE > bytes_in(tmp_path)


async def test_a_full_disk_turns_the_cache_off_and_fails_no_request(
    small_file_system: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = encoder(tmp_path, small_file_system, disk_bytes=1 << 30, max_tokens=1000)
    for number in range(60):
        reply = await made.encode(SPACE, texts(f"{number} tea " * 400), ALL)

        assert sources(encodings(reply)) == [COMPUTED]
        await asyncio.sleep(0.002)
    while (state := made.cache_state(SPACE).disk) is not None and state.is_on:  # noqa: ASYNC110 - a state
        await asyncio.sleep(0.01)
    after = await made.encode(SPACE, texts("after"))
    await made.close()

    assert sources(encodings(after)) == [COMPUTED]
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert "off until the next start" in lines[0]
    assert "full" in lines[0]


@pytest.fixture
def small_file_system(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or mount is None or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("a file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_file_that_may_not_grow_turns_the_cache_off_too(tmp_path: Path) -> None:
    """As on a file system with quotas; the limit is a process's, so it is tested in one of its own."""
    program = textwrap.dedent(f"""
        import asyncio, logging, resource, sys
        from pathlib import Path
        sys.path[:0] = {sys.path!r}
        from test_disk_cache import DiskCache, entry, key
        logging.basicConfig(stream=sys.stdout)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        async def main():
            disk = DiskCache(Path({str(tmp_path)!r}), "small", 1 << 30)
            for number in range(400):
                disk.put(key(number), entry(number))
            await asyncio.sleep(0.5)
            print(disk.state.is_on, dict(await disk.get([key(1)])))
            await disk.close()
        asyncio.run(main())
    """)
    sys_path = str(Path(__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": sys_path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert "False {}" in ran.stdout
    assert ran.stdout.count("off until the next start") == 1


async def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")

    with pytest.raises(StartupError, match="TIEBACK_CACHE_DISK"):
        encoder(tmp_path, tmp_path / "a file" / "cache")


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
    found = {
        k: v for n in range(0, 500, 50) for k, v in (await disk.get(list(map(key, range(n, n + 50))))).items()
    }
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
