"""A server dies before a write to the disk in a reindex, which then ends as if nothing had disturbed it."""

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
NEVER = 1_000_000
# Serves the folder, and starts a reindex into a space that splits some texts, or resumes it. Kills itself
# with SIGKILL before the call of that number that writes durably, counted from the operation's start.
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from support.killing import Killing
from tieback.serving.processes.local import LocalServer
from tieback.serving.settings import Settings
from tieback_client import AsyncClient, Item

folder, number = Path(sys.argv[1]), int(sys.argv[2])
killing = Killing(number)

async def main():
    settings = Settings(
        store=folder / "store", models=folder / "models", cards=folder, port=0, metrics_port=None,
        spaces=("words", "short"), generator="none", drain_seconds=0.1, binding="none",
    )
    async with LocalServer(settings) as server, AsyncClient(f"localhost:{server.port}") as client:
        if number < 0:
            items = [Item(f"{n}", "owl wren night day " * n) for n in range(1, 9)]
            await client.ingest("birds", items, space="words").collect()
            return
        known = [one.id async for one in client.operations()]
        if known:
            operation = await client.operation(known[0])
        else:
            killing.arm("rename", "unlink")
            operation = await client.reindex("birds", space="short")
        result = await operation.result(60)
        calls = killing.seen
        found = (await client.retrieve("birds", "owl night", hybrid=False, limit=50)).hits
        print(json.dumps({
            "calls": calls,
            "state": operation.status.state,
            "result": [result.total, result.done, result.finished, result.needed,
                       result.split_sections, result.added_sections, result.space.name],
            "items": [[one.id, [s.id for s in one.sections]] async for one in client.items("birds")],
            "hits": sorted(
                [hit.hit.item_id, hit.hit.section_id, round(hit.search_score, 4)] for hit in found
            ),
        }))

asyncio.run(main())
"""


def run(folder: Path, number: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, str(folder), str(number)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def outcome(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.timeout(600)
def test_a_reindex_ends_as_if_undisturbed_before_whatever_write_its_server_died(tmp_path: Path) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    table = dict(zip(WORDS, np.random.default_rng(1).normal(size=(4, 8)), strict=True))
    cards = [write_words(folder, "words", table), write_words(folder, "short", table, max_tokens=16)]
    assert pull(cards, cards, Store(folder / "models"), Silent()) == []
    assert run(folder, -1).returncode == 0
    shutil.copytree(folder / "store", tmp_path / "base")

    def begun_anew() -> None:
        shutil.rmtree(folder / "store")
        shutil.copytree(tmp_path / "base", folder / "store")

    undisturbed = outcome(run(folder, NEVER))
    calls = undisturbed.pop("calls")
    assert undisturbed["result"][2] is True
    assert undisturbed["result"][4] > 0

    deaths = 0
    for number in [1, *range(calls, calls - 12, -2)]:
        begun_anew()
        ended = run(folder, number)
        if ended.returncode:
            assert ended.returncode == -signal.SIGKILL, (number, ended.stderr[-2000:])
            deaths += 1
            ended = run(folder, 0)
        again = outcome(ended)
        del again["calls"]
        assert again == undisturbed, number
    # Runs differ in their number of writes, since what waits is written together: the last may not come.
    assert deaths >= 4
