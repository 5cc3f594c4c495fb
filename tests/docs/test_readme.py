"""The README's Python runs as it stands, with that of docs/apis.md behind it, and its scripts are there."""

import importlib.util
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import blocks, section
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS, MORE = blocks(README), blocks(section("apis.md", "Python"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server in one process, with all models."""
    found = importlib.util.spec_from_file_location("served", ROOT / "examples/served.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    with module.Served(tmp_path, "--local") as served:
        yield served.address


def test_the_blocks_of_the_readme_run(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = Store().media(Catalog.load().get_media("scikit-image"))
    shutil.copy(photos / "coffee.png", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIEBACK_SERVER", server)
    names: dict[str, object] = {}

    for block in BLOCKS + MORE:
        exec(compile(block, "README.md", "exec"), names)

    shown = capsys.readouterr().out
    assert len(BLOCKS) == 1
    assert len(MORE) >= 5
    assert "1730" in shown
    assert "espresso" in shown
    assert "(2, 64)" in shown


def test_the_first_block_is_short_enough_for_a_first_screen() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 8


def test_the_scripts_of_the_first_steps_are_there() -> None:
    named = set(re.findall(r"^(scripts/\w+)", README, re.M)) | set(re.findall(r"`(scripts/\w+)", README))

    assert {"scripts/serve", "scripts/demo"} <= named
    for name in named:
        assert (ROOT / name).is_file(), name
