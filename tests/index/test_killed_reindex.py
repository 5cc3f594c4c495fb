"""A server that is killed within a reindex: afterwards all items are in one space, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.reindexing import NEW, WIDER, encode_again
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from support.sweep import sweep
from tieback.index import Index

# Makes a generation and finishes it, and kills itself with SIGKILL before the given call of a step.
KILLED = textwrap.dedent("""
    import asyncio, sys
    from support.killing import Killing
    from support.reindexing import NEW, WIDER, encode_again
    from support.sections import SPACE, WIDTH, item
    from tieback.index import Index; from tieback.index.store import table as durability, folder as store

    step, killing = sys.argv[2], Killing(int(sys.argv[3]))

    async def main():
        index = Index.open(sys.argv[1])
        if step == "begin":
            killing.arm("rename", "unlink", "mkdir")
        await index.begin_reindex("docs", NEW, WIDER)
        if step == "write":
            killing.arm("rename", "unlink", "mkdir")
        await encode_again(index)
        if step == "discard":
            killing.arm("rename", "unlink", "mkdir")
            await index.discard_reindex("docs")
            return
        if step == "finish":
            killing.arm("rename", "unlink", "mkdir")
        print("finishing", flush=True)
        await index.finish_reindex("docs")
        print("finished", flush=True)

    asyncio.run(main())
""")


def killed(store: Path, step: str, number: int) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(tests), *sys.path])
    command = [sys.executable, "-c", KILLED, str(store), step, str(number)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("step", "number"),
    sweep(
        [
            *(("begin", n) for n in (1, 4, 8)),
            *(("write", n) for n in (1, 2)),
            *(("finish", n) for n in range(1, 9)),
            *(("discard", n) for n in range(1, 4)),
        ],
        quick=[("write", 1), ("finish", 4)],
    ),
)
async def test_a_server_killed_within_a_reindex_has_all_items_in_one_space_and_goes_on(
    store: Path, step: str, number: int
) -> None:
    index = Index.open(store)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.upsert("docs", [item(f"n{n}") for n in range(5)])
    await index.close()
    ended = killed(store, step, number)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr

    index = Index.open(store)
    space = (await index.get_collection("docs")).space
    assert space in (SPACE, NEW)
    if "finished" in ended.stdout:
        assert space == NEW
    assert [one.id for one in (await index.list_items("docs"))[0]] == [f"n{n}" for n in range(5)]
    assert len((await searched(index, "docs", text="n3")).hits) == 1
    if space == SPACE:
        await index.begin_reindex("docs", NEW, WIDER)
        await encode_again(index)
        await index.finish_reindex("docs")
    await index.upsert("docs", [item("last", section(vector(*axis(0, WIDER), space=NEW), "last"))])
    await index.close()
    index = Index.open(store)
    assert (await index.get_collection("docs")).item_count == 6
    await index.close()
