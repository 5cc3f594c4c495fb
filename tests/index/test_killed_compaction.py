"""A server that is killed within a compaction: whatever the step, all that was acknowledged is there."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section
from support.sweep import sweep
from tieback.index import Index
from tieback.index.store import versions
from tieback.index.store.table import readable

# Compacts a collection, and kills itself with SIGKILL before or after the given call of the given step.
KILLED = textwrap.dedent("""
    import asyncio, os, signal, sys
    from datetime import timedelta
    from lancedb.table import LanceTable
    from tieback.index import Index

    store, step, number, when = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    seen = dict.fromkeys(("delete", "merge", "clean", "note"), 0)

    def watched(name, call):
        def watch(*arguments, **options):
            known = name(options) if callable(name) else name
            seen[known] += 1
            here = (known, seen[known]) == (step, number)
            if here and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments, **options)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return watch

    def cleaning(options):
        return "clean" if options["cleanup_older_than"] == timedelta(0) else "merge"

    async def main():
        index = Index.open(store)
        LanceTable.delete = watched("delete", LanceTable.delete)
        LanceTable.optimize = watched(cleaning, LanceTable.optimize)
        os.fdatasync = watched("note", os.fdatasync)
        index._owned.to_write("docs").writer._compact()
        print("nothing was left to kill", seen)

    asyncio.run(main())
""")

POINTS = [
    ("delete", 1, "after"),
    ("merge", 1, "after"),
    ("note", 1, "before"),
    ("note", 1, "after"),
    ("clean", 1, "after"),
    ("note", 2, "after"),
]


TURNS = {f"i{n}": 4.0 if n % 2 else 1.0 for n in range(1, 200)}


@pytest.fixture(scope="module")
async def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose collection was compacted once, and where half of the items were replaced since."""
    store = tmp_path_factory.mktemp("written") / "store"
    index = Index.open(store)
    await index.create_collection("docs", SPACE, WIDTH)
    for turn in range(5):
        items = [item(f"i{n}", section(axis(n), f"word{n}"), turn=turn) for n in range(200)]
        await index.upsert("docs", [one for n, one in enumerate(items) if turn < 2 or n % 2])
        if turn == 1:
            index._owned.to_write("docs").writer._compact()
    await index.delete_items("docs", ["i0"])
    await index.close()
    return store


def killed(store: Path, step: str, number: int, when: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, store, step, str(number), when],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(("step", "number", "when"), sweep(POINTS, quick=[("clean", 1, "after")]))
async def test_a_server_killed_within_compaction_starts_again_with_all_it_had(
    written: Path, tmp_path: Path, step: str, number: int, when: str
) -> None:
    store = tmp_path / "store"
    shutil.copytree(written, store)
    child = killed(store, step, number, when)

    again = Index.open(store)

    assert child.returncode == -signal.SIGKILL, child.stdout + child.stderr
    listed, _ = await again.list_items("docs", page_size=1000)
    assert {kept.id: kept.metadata["turn"] for kept in listed} == TURNS
    assert (await searched(again, "docs", text="word7")).hits[0].item_id == "i7"
    again._owned.to_write("docs").writer._compact()
    assert len(again._owned.to_write("docs").table._lance.list_versions()) == 1
    assert (await again.upsert("docs", [item("after")])).results == [None]
    await again.close()
    await Index.open(store).close()


async def test_a_clean_up_that_would_make_a_version_removes_nothing_of_the_acknowledged_one(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "store"
    shutil.copytree(written, store)
    index = Index.open(store)
    opened = index._owned.to_write("docs")

    monkeypatch.setattr("tieback.index.store.table._MOST_ROUNDS", 0)  # so that something is left to merge
    opened.writer._compact()

    assert "was put off: RuntimeError" in caplog.text
    folder = store / "collections" / "docs.lance"
    assert readable(folder, versions.acknowledged(folder), tmp_path / "views")
    monkeypatch.undo()
    opened.writer._compact()
    assert (await index.upsert("docs", [item("after")])).results == [None]
    await index.close()
    again = Index.open(store)
    listed, _ = await again.list_items("docs", page_size=1000)
    assert {kept.id for kept in listed} == {*TURNS, "after"}
    await again.close()
