"""A server that is killed while it makes, restores or deletes a snapshot: all of it is there, or nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.originals import files, photo
from support.sections import SPACE, WIDTH, axis, item, section
from support.sweep import sweep
from tieback.index import Index
from tieback_contract.collections import Source

# Does one step, and kills itself with SIGKILL before the given call that changes the disk.
KILLED = textwrap.dedent("""
    import asyncio, sys
    from support.killing import Killing
    from tieback.index import Index

    step, killing = sys.argv[2], Killing(int(sys.argv[3]))

    async def main():
        index = Index.open(sys.argv[1], originals_bytes=1000)
        killing.arm("rename", "unlink", "mkdir", "hardlink_to")
        if step == "create":
            await index.snapshots.create_snapshot("docs", "second")
        elif step == "restore":
            await index.snapshots.restore_snapshot("first", "again")
        else:
            await index.snapshots.delete_snapshot("first")
        print("did", killing.seen, flush=True)

    asyncio.run(main())
""")

ITEMS = ["red", *(f"i{n}" for n in range(6))]


# The first calls, and the last ones: those around the rename that makes all of it be there.
POINTS = [1, 4, 9, -5, -3, -2, -1]


@pytest.fixture(scope="module")
async def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a collection "docs", and a snapshot "first" of what it was before an item came."""
    store = tmp_path_factory.mktemp("written") / "store"
    index = Index.open(store, originals_bytes=1000)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.record_source("docs", Source("books", "laptop", "/books"))
    await index.upsert("docs", [photo("red", b"red")])
    await index.upsert("docs", [item(f"i{n}", section(axis(n), f"word{n}")) for n in range(6)])
    await index.snapshots.create_snapshot("docs", "first")
    await index.upsert("docs", [item("later")])
    await index.close()
    return store


@pytest.fixture(scope="module")
def calls(written: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often each step changes the disk where it is not killed."""
    counted = {}
    for step in ("create", "restore", "delete"):
        store = tmp_path_factory.mktemp(step) / "store"
        shutil.copytree(written, store)
        ended = killed(store, step, 0)
        assert ended.returncode == 0, ended.stderr
        counted[step] = int(ended.stdout.split()[1])
    return counted


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    store = tmp_path / "store"
    shutil.copytree(written, store)
    return store


def killed(store: Path, step: str, number: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(store), step, str(number)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def killed_at(store: Path, step: str, point: int, calls: dict[str, int]) -> None:
    """Kills a server before that call of a step; -1 is the last one."""
    ended = killed(store, step, point if point > 0 else calls[step] + 1 + point)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


async def ids(index: Index, name: str) -> set[str]:
    return {one.id for one in (await index.list_items(name))[0]}


async def snapshots(index: Index) -> list[str]:
    return [one.name for one in (await index.snapshots.list_snapshots())[0]]


async def check(index: Index, store: Path) -> None:
    """Whatever was cut short: nothing is half, and what was acknowledged is there."""
    assert list((store / "making").iterdir()) == list((store / "leaving").iterdir()) == []
    assert await ids(index, "docs") == {*ITEMS, "later"}
    assert files(store) == [b"red"]
    for number, snapshot in enumerate((await index.snapshots.list_snapshots())[0]):
        assert snapshot.damage == ""
        await index.snapshots.restore_snapshot(snapshot.name, f"checked{number}")
        expected = {*ITEMS, "later"} if snapshot.name == "second" else set(ITEMS)
        assert await ids(index, f"checked{number}") == expected
        assert snapshot.item_count == len(expected)


@pytest.mark.parametrize("point", sweep(POINTS, quick=[-1]))
async def test_a_server_killed_while_it_makes_a_snapshot_has_it_whole_or_not_at_all(
    copied: Path, calls: dict[str, int], point: int
) -> None:
    killed_at(copied, "create", point, calls)

    index = Index.open(copied, originals_bytes=1000)

    assert await snapshots(index) == (["first", "second"] if point == -1 else ["first"])
    await check(index, copied)
    assert (await index.snapshots.create_snapshot("docs", "second")).item_count == 8
    assert await snapshots(index) == ["first", "second"]
    await index.close()


@pytest.mark.parametrize("point", sweep(POINTS, quick=[-1]))
async def test_a_server_killed_while_it_restores_has_the_whole_collection_or_none(
    copied: Path, calls: dict[str, int], point: int
) -> None:
    killed_at(copied, "restore", point, calls)

    index = Index.open(copied, originals_bytes=1000)

    names = [one.name for one in (await index.list_collections())[0]]
    assert names in ([["again", "docs"]] if point == -1 else [["docs"], ["again", "docs"]])
    if "again" in names:
        assert [one.name for one in (await index.get_collection("again")).sources] == ["books"]
    await check(index, copied)
    await index.snapshots.restore_snapshot("first", "again")
    assert await ids(index, "again") == set(ITEMS)
    assert (await index.upsert("again", [item("new")])).results == [None]
    await index.close()


@pytest.mark.parametrize("point", sweep([1, -1], quick=[-1]))
async def test_a_server_killed_while_it_deletes_a_snapshot_has_it_whole_or_not_at_all(
    copied: Path, calls: dict[str, int], point: int
) -> None:
    killed_at(copied, "delete", point, calls)

    index = Index.open(copied, originals_bytes=1000)

    assert await snapshots(index) == (["first"] if point == 1 else [])
    await check(index, copied)
    await index.close()
