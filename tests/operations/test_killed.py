"""Processes that are killed at random points: an operation ends as if it had never been disturbed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.counting_kind import write
from tieback.core.errors import StartupError
from tieback.operations.journal import Journal

STEPS = 40
KILLS = 5
PROGRAM = """
import asyncio, sys
from pathlib import Path
from support.counting_kind import NO_SERVICES, installed, over
from tieback.operations.service import Operations

async def main(folder, steps):
    with installed(folder / "kinds"):
        operations = Operations.open(folder / "operations", NO_SERVICES)
        known, _ = await operations.page()
        request = {"path": str(folder / "numbers"), "steps": steps, "pause": 0.005}
        one = known[0] if known else await operations.start("count", request)
        print("begun", flush=True)
        await operations.begin()
        await over(operations, one.id)
        await operations.close()

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def started(folder: Path) -> subprocess.Popen[str]:
    """A process that carries the operation of the folder out, once it has read the journal."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(STEPS)]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.all
def test_an_operation_that_is_killed_again_and_again_ends_as_if_undisturbed(tmp_path: Path) -> None:
    write(tmp_path / "kinds")
    chance = random.Random(5)
    told: list[object] = []

    for _ in range(KILLS):
        process = started(tmp_path)
        time.sleep(chance.uniform(0.0, 0.12))
        process.kill()
        process.wait()
        journal = Journal(tmp_path / "operations")
        journal.close()
        (state,) = journal.states.values()
        assert journal.damage == ""
        if state["checkpoint"]:
            told.append(state["checkpoint"])
    assert started(tmp_path).wait() == 0

    journal = Journal(tmp_path / "operations")
    journal.close()
    (state,) = journal.states.values()
    assert state["state"] == "succeeded"
    assert [int(one) for one in (tmp_path / "numbers").read_text().split()] == list(range(STEPS))
    assert state["result"]["sum"] == sum(range(STEPS))
    assert [one for one in told if one != state["result"]] == []


def test_a_second_process_on_the_same_journal_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    write(tmp_path / "kinds")
    process = started(tmp_path)

    with pytest.raises(StartupError, match=f"process {process.pid}"):
        Journal(tmp_path / "operations")

    process.kill()
    process.wait()
    Journal(tmp_path / "operations").close()
