"""A method is fitted in a process of its own, which ends with the one that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tieback.core.errors import InvalidInput, TiebackError, Unsupported
from tieback.methods import compatibility
from tieback.methods.projection import unit_rows
from tieback.operations.upgrades import fitting

QUICK: dict[str, Any] = {"extra": 2, "hidden": 4, "steps": 100, "batch": 16}
LONG = QUICK | {"steps": 20_000, "patience": 0}
ENDLESS = LONG | {"steps": 10_000_000}
DRAW = np.random.default_rng(0)
ANCHORS = {"old": unit_rows(DRAW.normal(size=(60, 5))), "new": unit_rows(DRAW.normal(size=(60, 6)))}


async def test_its_state_is_what_the_fit_gives_and_progress_is_told(tmp_path: Path) -> None:
    shares = [share async for share in fitting.fit(tmp_path / "a", "oca", QUICK, ANCHORS, seed=2)]

    fitted = fitting.read(tmp_path / "a")
    expected = compatibility.fit("oca", ANCHORS["old"], ANCHORS["new"], parameters=QUICK, seed=2)
    assert fitted is not None
    assert fitted.seconds > 0
    assert fitted.state.keys() == expected.keys()
    assert all((fitted.state[name] == expected[name]).all() for name in expected)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert fitting.read(tmp_path / "b") is None


async def test_an_error_of_the_fit_is_raised_as_it_is(tmp_path: Path) -> None:
    few = {name: rows[:10] for name, rows in ANCHORS.items()}

    with pytest.raises(InvalidInput, match="needs 32 anchors; there are 10") as refusal:
        [share async for share in fitting.fit(tmp_path, "oca", QUICK, few, seed=0)]

    assert str(refusal.value.field) == "anchors"


async def test_a_process_that_dies_is_told_of_without_what_is_inside(tmp_path: Path) -> None:
    with pytest.raises(TiebackError, match="the training ended early") as fault:
        async for _ in fitting.fit(tmp_path, "oca", LONG, ANCHORS, seed=0):
            for child in _children():
                child.kill()

    assert str(tmp_path) not in str(fault.value)
    assert fitting.read(tmp_path) is None


async def test_a_fit_that_is_left_is_killed(tmp_path: Path) -> None:
    async with aclosing(fitting.fit(tmp_path, "oca", ENDLESS, ANCHORS, seed=0)) as shares:
        async for _ in shares:
            if (tmp_path / "checkpoint").exists():
                break
        (child,) = _children()

    assert not child.is_running()


def test_the_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
import numpy as np
from tieback.methods.projection import unit_rows
from tieback.operations.upgrades import fitting

async def main(folder):
    draw = np.random.default_rng(0)
    anchors = {name: unit_rows(draw.normal(size=(60, 5))) for name in ("old", "new")}
    parameters = {"extra": 2, "hidden": 4, "steps": 10_000_000, "batch": 16, "patience": 0}
    async for _ in fitting.fit(folder, "oca", parameters, anchors, seed=0):
        pass

asyncio.run(main(Path(sys.argv[1])))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=environment)
    while not (tmp_path / "checkpoint").exists():
        assert parent.poll() is None
        time.sleep(0.05)
    (child,) = psutil.Process(parent.pid).children()

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    gone, alive = psutil.wait_procs([child], timeout=10)
    assert (len(gone), alive) == (1, [])


def test_a_server_without_pytorch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    fitting.check_installed()
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)

    with pytest.raises(Unsupported, match="install the extra 'train'"):
        fitting.check_installed()


def _children() -> list[psutil.Process]:
    """The processes that fit, of this one."""
    alive = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in alive if "tieback.operations.upgrades.fitting" in one.cmdline()]
