"""A server dies before a write to the disk in an upgrade, which then ends as an undisturbed reindex does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.own_encoder import Silent
from support.small_spaces import write_words
from tieback.models.store import Store
from tieback.recipes.pull import pull

pytestmark = pytest.mark.all

WORDS = ["owl", "wren", "night", "day"]
POINTS = 5
# Serves the folder, and moves a collection into a space that splits some texts, or goes on with that. An item
# is written meanwhile. Kills itself with SIGKILL before the call of that number that writes durably.
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from support.killing import Killing
from tieback.serving.processes.local import LocalServer
from tieback.serving.settings import Settings
from tieback_client import AsyncClient, Item

folder, work, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
killing = Killing(number)
items = [Item(f"{n}", "owl wren night day " * n) for n in range(1, 9)]
meanwhile = Item("meanwhile", "day wren owl night " * 5)

async def main():
    settings = Settings(
        store=folder / "store", models=folder / "models", cards=folder, port=0, metrics_port=None,
        spaces=("words", "short"), generator="none", drain_seconds=0.1, binding="none",
    )
    async with LocalServer(settings) as server, AsyncClient(f"localhost:{server.port}") as client:
        if work == "fill":
            await client.ingest("birds", items, space="words").collect()
            return
        if work == "reindex":
            await client.ingest("birds", [meanwhile]).collect()
            await (await client.reindex("birds", space="short")).result(60)
        else:
            killing.arm("rename", "unlink")
            collection = await client.get_collection("birds")
            if collection.space.name == "words":
                operation = await client.upgrade("birds", space="short")
                await client.ingest("birds", [meanwhile]).collect()
                between = (await client.retrieve("birds", "owl night", hybrid=False, limit=50)).hits
                assert len({hit.hit.item_id for hit in between}) == 9, between
                await operation.result(60)
                result = await (await client.upgrade("birds", space="short")).result(60)
                assert result.done == result.total, result
                await client.finish_upgrade("birds")
        calls = killing.seen
        found = (await client.retrieve("birds", "owl night", hybrid=False, limit=50)).hits
        collection = await client.get_collection("birds")
        print(json.dumps({
            "calls": calls,
            "space": str(collection.space),
            "moving": collection.moving is not None,
            "items": [[one.id, [s.id for s in one.sections]] async for one in client.items("birds")],
            "hits": sorted(
                [hit.hit.item_id, hit.hit.section_id, round(hit.search_score, 4)] for hit in found
            ),
        }))

asyncio.run(main())
"""


def run(folder: Path, work: str, number: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, str(folder), work, str(number)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def outcome(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.timeout(900)
def test_an_upgrade_ends_as_a_reindex_before_whatever_write_its_server_died(tmp_path: Path) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    table = dict(zip(WORDS, np.random.default_rng(1).normal(size=(4, 8)), strict=True))
    cards = [write_words(folder, "words", table), write_words(folder, "short", table, max_tokens=16)]
    assert pull(cards, cards, Store(folder / "models"), Silent()) == []
    assert run(folder, "fill").returncode == 0
    shutil.copytree(folder / "store", tmp_path / "base")

    def begun_anew() -> None:
        shutil.rmtree(folder / "store")
        shutil.copytree(tmp_path / "base", folder / "store")

    wanted = outcome(run(folder, "reindex"))
    del wanted["calls"]
    begun_anew()
    undisturbed = outcome(run(folder, "upgrade", 1_000_000))
    calls = undisturbed.pop("calls")
    assert undisturbed == wanted

    deaths = 0
    for number in sorted({round(place) for place in np.linspace(1, calls, POINTS)}):
        begun_anew()
        ended = run(folder, "upgrade", number)
        if ended.returncode:
            assert ended.returncode == -signal.SIGKILL, (number, ended.stderr[-2000:])
            deaths += 1
            ended = run(folder, "upgrade")
        again = outcome(ended)
        del again["calls"]
        assert again == wanted, number
    # Runs differ in their number of writes, since what waits is written together: the last may not come.
    assert deaths >= POINTS - 1
