"""The cache on disk: what a restart finds, and what a bad disk cannot do."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.asking import encodings, texts, vector
from support.bag_of_words import BagOfWords, card, dense
from support.cache_entries import MEBIBYTE, SPACE, bytes_in, entry, key
from tieback.core.call import NO_CALL
from tieback.core.errors import StartupError
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import CacheOptions, Encoder
from tieback.encoder.cache.disk import DiskCache
from tieback_contract.encodings import Encoding, EncodingSource
from tieback_contract.vectors import VectorKind

COMPUTED, MEMORY, DISK = EncodingSource.COMPUTED, EncodingSource.MEMORY, EncodingSource.DISK
ALL = EncodePlan(kinds=frozenset(VectorKind))


def encoder(weights: Path, disk: Path, *, disk_bytes: int = 16 * MEBIBYTE, **changes: Any) -> Encoder:
    return Encoder([BagOfWords(card(weights, **changes))], cache=CacheOptions(MEBIBYTE, disk, disk_bytes))


async def asked_once(
    weights: Path, disk: Path, *given: str, plan: EncodePlan | None = None, **changes: Any
) -> list[Encoding]:
    """What a replica says that starts, is asked once and stops."""
    made = encoder(weights, disk, **changes)
    try:
        return encodings(
            await made.encode(EncodeRequest(SPACE, texts(*given), plan or EncodePlan()), NO_CALL)
        )
    finally:
        await made.close()


def sources(found: Sequence[Encoding]) -> list[EncodingSource]:
    return [encoding.source for encoding in found]


async def test_a_replica_that_starts_again_starts_warm(tmp_path: Path) -> None:
    disk = tmp_path / "cache"
    first = await asked_once(tmp_path / "w", disk, "tea and milk", plan=ALL)

    made = encoder(tmp_path / "w", disk)
    again = await made.encode(EncodeRequest(SPACE, texts("tea and milk", "bread"), ALL), NO_CALL)
    then = await made.encode(EncodeRequest(SPACE, texts("tea and milk"), ALL), NO_CALL)
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
            found += encodings(await made.encode(EncodeRequest(SPACE, texts(given), plan), NO_CALL))
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
        reply = await made.encode(EncodeRequest(SPACE, texts(f"{number} tea " * 400), ALL), NO_CALL)

        assert sources(encodings(reply)) == [COMPUTED]
        await asyncio.sleep(0.002)
    while (state := made.cache_state(SPACE).disk) is not None and state.is_on:  # noqa: ASYNC110 - a state
        await asyncio.sleep(0.01)
    after = await made.encode(EncodeRequest(SPACE, texts("after")), NO_CALL)
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
        from support.cache_entries import entry, key
        from tieback.encoder.cache.disk import DiskCache
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
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert "False {}" in ran.stdout
    assert ran.stdout.count("off until the next start") == 1


async def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")

    with pytest.raises(StartupError, match="TIEBACK_CACHE_DISK"):
        encoder(tmp_path, tmp_path / "a file" / "cache")
