"""Folders that nest, change and go, indexed and pruned in any order: nothing that is there is ever lost."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from support.small_library import small_library
from tieback_client import Client
from tieback_client.cli import app
from tieback_client.messages.writing_items import sections

FOLDERS = ["docs", "a/docs", "b/docs", "a", "a/docs/old", "b/docs/docs", "a-docs"]
FILES = ["x.txt", "y.txt", "z.md"]
folders = st.sampled_from(FOLDERS)
files = st.sampled_from([f"{folder}/{name}" for folder in FOLDERS for name in FILES])
numbers = itertools.count()


class Folders(RuleBasedStateMachine):
    """Each file's text is its own path and a version, so that an item tells of which file it is."""

    address = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.client = Client(self.address)
        self.collection = f"c{next(numbers)}"
        self.covered: set[str] = set()

    def teardown(self) -> None:
        self.client.close()
        shutil.rmtree(self.folder)

    def on_disk(self, *below: str) -> dict[str, str]:
        """Text by path of the files that are there, below these paths."""
        found = {}
        for one in below or ("",):
            root = self.folder / one
            for path in [root] if root.is_file() else root.rglob("*"):
                if path.is_file():
                    found[str(path.relative_to(self.folder))] = path.read_text()
        return found

    def items(self) -> dict[str, str]:
        """Text by id."""
        if self.collection not in [one.name for one in self.client.collections()]:
            return {}
        return {one.id: str(sections(one)[0].content) for one in self.client.items(self.collection)}

    @rule(names=st.lists(files, min_size=1, max_size=6), version=st.integers(0, 3))
    def write(self, names: list[str], version: int) -> None:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {version}")

    @rule(names=st.lists(files, min_size=1, max_size=6))
    def delete(self, names: list[str]) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    @rule(name=folders)
    def empty(self, name: str) -> None:
        if (self.folder / name).exists():
            shutil.rmtree(self.folder / name)
            (self.folder / name).mkdir()

    @rule(names=st.lists(folders | files, min_size=1, max_size=3), prune=st.booleans(), sure=st.booleans())
    def index(self, names: list[str], prune: bool, sure: bool) -> None:
        named = [name for name in names if (self.folder / name).exists()]
        if not named:
            return
        before, there = self.items(), self.on_disk()
        words = ["index", *(str(self.folder / name) for name in named), "-c", self.collection, "--json"]
        words += ["--prune"] * prune + ["--yes"] * sure

        result = CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": self.address})

        after = self.items()
        if result.exit_code:
            assert "--yes removes their items" in json.loads(result.stderr)["error"]["message"]
            assert prune
            assert not sure
            assert after == before
            return
        self.covered |= self.on_disk(*named).keys()
        for id, text in before.items():
            name = text.split()[0]
            if id not in after:
                assert prune
                assert name not in there
                assert any(name == one or name.startswith(f"{one}/") for one in named)
        indexed = Counter(text.split()[0] for text in after.values())
        for name in self.covered & there.keys():
            assert indexed[name] == 1, name
        texts = set(after.values())
        assert texts.issuperset(self.on_disk(*named).values())
        if prune and texts:  # of a folder without a file no collection is made
            # A source whose own folder is not there may not be mounted, and keeps its items.
            places = [Path(one.location) for one in self.client.get_collection(self.collection).sources]
            lost = [one for one in places if not one.is_dir()]
            for name in {text.split()[0] for text in texts} - there.keys():
                if any(name.startswith(f"{one}/") for one in named):
                    assert any((self.folder / name).is_relative_to(one) for one in lost), name


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("library")) as served:
        yield served


def test_whatever_is_indexed_and_pruned_no_file_is_lost_and_no_other_folder_touched(address: str) -> None:
    machine: Any = type("Served", (Folders,), {"address": address})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
