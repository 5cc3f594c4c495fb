"""Collections are saved as files, verified by restoring them, and brought back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.small_library import small_library
from tieback_client import Client, Item
from tieback_client.backups import back_up, backups, remove_old, saved_in
from tieback_client.cli import app

NOTES = [Item("tides", "The moon pulls the sea."), Item("bread", "Bread is made from flour and water.")]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("backups")) as address:
        with Client(address) as client:
            client.ingest("notes", NOTES).collect()
            client.ingest("other", NOTES[:1]).collect()
        yield address


@pytest.fixture
def real(library: str) -> Iterator[Client]:
    with Client(library) as client:
        yield client
        for collection in client.collections():
            if collection.name not in ("notes", "other"):
                client.delete_collection(collection.name)


def command(library: str, *words: str, **options: Any) -> Result:
    return CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": library}, **options)


def test_all_collections_are_saved_verified_and_brought_back_to_a_server(
    library: str, real: Client, tmp_path: Path
) -> None:
    saved = command(library, "backup", str(tmp_path), "--json")
    assert saved.exit_code == 0, saved.output
    described = json.loads(saved.stdout)
    real.delete("notes", "bread")
    try:
        restored = command(library, "restore", str(tmp_path), "--prefix", "again-")
    finally:
        real.ingest("notes", NOTES).collect()

    assert {one["name"]: (one["items"], one["verified"]) for one in described["collections"]} == {
        "notes": (2, True),
        "other": (1, True),
    }
    assert restored.exit_code == 0, restored.output
    assert real.get_collection("again-notes").item_count == 2
    assert [hit.item_id for hit in real.search("again-notes", text="flour").hits][:1] == ["bread"]
    assert not list(real.snapshots())
    assert {one.name for one in real.collections()} == {"notes", "other", "again-notes", "again-other"}


def test_a_file_that_changed_is_not_sent(library: str, real: Client, tmp_path: Path) -> None:
    made, _ = back_up(real, tmp_path, ["other"], verify=False)
    file = made / "other.tar"
    file.write_bytes(file.read_bytes()[:-1] + b"x")

    refused = command(library, "restore", str(made), "--prefix", "x-")

    assert refused.exit_code == 2
    assert "is not the file that was saved" in refused.output
    assert {one.name for one in real.collections()} == {"notes", "other"}


def test_nothing_is_overwritten_and_what_is_unknown_is_named(
    library: str, real: Client, tmp_path: Path
) -> None:
    back_up(real, tmp_path, ["other"], verify=False)

    same = command(library, "restore", str(tmp_path))
    real.ingest("other", NOTES).collect()
    try:
        taken = command(library, "restore", str(tmp_path))
    finally:
        real.delete("other", "bread")
    unknown = command(library, "restore", str(tmp_path), "notes")
    missing = command(library, "backup", str(tmp_path), "nothing")
    empty = command(library, "restore", str(tmp_path.parent))

    assert same.exit_code == 0  # it is exactly what is there
    assert taken.exit_code == 1
    assert "other" in taken.output
    assert "it has: other" in unknown.output
    assert "there are: notes, other" in missing.output
    assert "has no backup" in empty.output
    assert not list(real.snapshots())


def test_the_newest_backups_are_kept_and_what_was_left_unfinished_is_removed(tmp_path: Path) -> None:
    for name in ("20260101T000000Z", "20260102T000000Z", "20260103T000000Z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "backup.json").write_text('{"format": 1, "collections": []}')
    (tmp_path / "20260104T000000Z.partial").mkdir()
    (tmp_path / "letters").mkdir()

    removed = remove_old(tmp_path, 2)

    assert [one.name for one in removed] == ["20260101T000000Z"]
    assert [one.name for one in backups(tmp_path)] == ["20260102T000000Z", "20260103T000000Z"]
    assert saved_in(tmp_path)[0].name == "20260103T000000Z"
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "20260102T000000Z", "20260103T000000Z", "letters",
    ]  # fmt: skip
