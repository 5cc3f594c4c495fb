"""The check that a test has the same id wherever and whenever it is collected."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECK = Path(__file__).parents[2] / "scripts" / "check_test_ids.py"
TESTS = """
import os, time
from pathlib import Path
import pytest

@pytest.mark.parametrize("name", {"red", "green", "blue", "black", "white"})
def test_a_set(name): pass

@pytest.mark.parametrize("second", [int(time.time())])
def test_a_clock(second): pass

@pytest.mark.parametrize("folder", [Path(__file__).parent], ids=str)
def test_a_place(folder): pass

@pytest.mark.parametrize("count", [os.cpu_count()])
def test_a_machine(count): pass

@pytest.mark.parametrize("file", Path(__file__).parent.glob("*.txt"), ids=lambda path: path.name)
def test_an_order(file): pass

@pytest.mark.parametrize("number", [1, 2])
def test_nothing(number): pass
"""


def test_ids_that_depend_on_seed_clock_place_machine_or_order_are_named(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "test_ids.py").write_text(TESTS)
    for name in "abcdef":
        (tmp_path / f"{name}.txt").touch()

    done = subprocess.run([sys.executable, CHECK, tmp_path], capture_output=True, text=True, check=False)

    named = {line.split("::")[1].split("[")[0] for line in done.stderr.splitlines() if "::" in line}
    assert named == {f"test_{one}" for one in ("a_set", "a_clock", "a_place", "a_machine", "an_order")}
    assert done.returncode == 1
