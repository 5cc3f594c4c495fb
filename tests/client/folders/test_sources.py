"""`tieback index` against a real index: every folder keeps its items, whatever is called alike."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Run
from support.written_files import text_of, write
from tieback_client import Client, Item


def test_two_folders_of_one_name_keep_all_their_files(tmp_path: Path, run: Run, ids: Any) -> None:
    first = write(tmp_path / "svc2" / "docs", "a.txt", "b.txt")
    second = write(tmp_path / "svc3" / "docs", "a.txt", "c.txt")

    result = run(first, second)

    assert result.exit_code == 0, result.output
    assert ids() == ["docs/a.txt", "docs/b.txt", "svc3-docs/a.txt", "svc3-docs/c.txt"]
    assert f"{second} is the source svc3-docs: its items are svc3-docs/…" in result.stderr


def test_a_folder_keeps_its_name_whatever_is_indexed_later_and_in_whatever_order(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    first, second = write(tmp_path / "a" / "docs", "x.txt"), write(tmp_path / "b" / "docs", "x.txt")
    run(second)
    run(first)

    again = run(first, second)

    assert "2 unchanged" in again.stdout
    assert ids() == ["a-docs/x.txt", "docs/x.txt"]


def test_two_files_of_one_name_are_two_items(tmp_path: Path, run: Run, ids: Any, client: Client) -> None:
    write(tmp_path / "a", "README.md")
    write(tmp_path / "b", "README.md")

    run(tmp_path / "a" / "README.md", tmp_path / "b" / "README.md")

    assert ids() == ["a/README.md", "b/README.md"]
    assert text_of(client, "a/README.md") == "The words of a README.md."


def test_a_name_under_which_others_have_written_is_not_taken(
    tmp_path: Path, run: Run, ids: Any, client: Client
) -> None:
    client.ingest("docs", [Item("notes/a.txt", "Written by hand.")]).collect()
    folder = write(tmp_path / "mine" / "notes", "a.txt")

    run(folder)

    assert ids() == ["mine-notes/a.txt", "notes/a.txt"]
    assert text_of(client, "notes/a.txt") == "Written by hand."


def test_a_file_is_the_same_item_alone_by_its_folder_and_by_a_folder_around_it(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    folder = write(tmp_path / "library", "notes/a.txt", "notes/b.txt", "c.txt")
    run(folder / "notes" / "a.txt")
    assert ids() == ["notes/a.txt"]

    run(folder / "notes")
    assert ids() == ["notes/a.txt", "notes/b.txt"]
    result = run(folder, folder / "notes" / "b.txt", folder / "c.txt")

    assert ids() == ["library/c.txt", "notes/a.txt", "notes/b.txt"]
    assert "2 unchanged" in result.stdout
    run(folder / "c.txt")
    assert ids() == ["library/c.txt", "notes/a.txt", "notes/b.txt"]


def test_a_folder_that_moved_keeps_its_ids_by_its_name(
    tmp_path: Path, run: Run, ids: Any, client: Client
) -> None:
    write(tmp_path / "old" / "docs", "a.txt", "b.txt", "c.txt")
    run(tmp_path / "old" / "docs")
    shutil.move(tmp_path / "old", tmp_path / "new")
    (tmp_path / "new" / "docs" / "a.txt").unlink()

    result = run(tmp_path / "new" / "docs", "--source", "docs", "--prune")

    assert "2 unchanged, 1 removed" in result.stdout
    assert f"the source docs is {tmp_path}/new/docs now; before it was {tmp_path}/old/docs" in (
        result.stderr.replace("\n", " ")
    )
    assert ids() == ["docs/b.txt", "docs/c.txt"]
    again = run(tmp_path / "new" / "docs")
    assert "2 unchanged" in again.stdout
    assert ids() == ["docs/b.txt", "docs/c.txt"]
    (source,) = client.get_collection("docs").sources
    assert (source.location, source.item_count) == (str(tmp_path / "new" / "docs"), 2)


def test_a_folder_that_may_have_moved_is_told_of(tmp_path: Path, run: Run) -> None:
    run(write(tmp_path / "docs", "a.txt"))
    (tmp_path / "docs").rename(tmp_path / "handbook")

    result = run(tmp_path / "handbook", "--dry-run")

    assert f"the source docs is not at {tmp_path}/docs any more" in result.stderr
    assert "with --source docs" in result.stderr


def test_a_folder_can_be_named(tmp_path: Path, run: Run, ids: Any) -> None:
    run(write(tmp_path / "checkout" / "docs", "a.txt"), "--source", "handbook")

    assert ids() == ["handbook/a.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b", "--source", "docs"], "a and {tmp}/b could have the same ids"),
        (["a/x.txt", "b/x.txt", "--source", "docs"], "a and {tmp}/b could have the same ids"),
        (["known/sub", "--source", "other"], "{tmp}/known/sub belongs to the source known"),
        ([".", "--source", "known"], "{tmp} is a folder around it"),
        (["a/x.txt", "--source", "known"], "if the source has moved, name its folder"),
        (["a", "--source", "x/y"], "'x/y' is not a name for a source"),
    ],
)
def test_what_would_share_ids_is_refused_before_anything_is_written(
    tmp_path: Path, run: Run, ids: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    for name in ("a", "b", "known", "known/sub"):
        write(tmp_path / name, "x.txt")
    monkeypatch.chdir(tmp_path)
    run("known")
    before = ids()

    result = run(*words)

    assert result.exit_code == 1
    assert message.format(tmp=tmp_path) in " ".join(result.stderr.split())
    assert ids() == before


def test_the_same_path_on_another_machine_is_not_taken_for_the_same_folder(
    tmp_path: Path, run: Run, ids: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "docs", "a.txt")
    run(folder)
    write(folder, "b.txt")
    monkeypatch.setattr(socket, "gethostname", lambda: "Elsewhere.example.org")

    refused = run(folder)

    assert refused.exit_code == 1
    assert "and this is elsewhere: if it is the same folder, say --source docs" in refused.stderr
    assert ids() == ["docs/a.txt"]
    assert run(folder, "--source", "docs").exit_code == 0
    assert ids() == ["docs/a.txt", "docs/b.txt"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    tmp_path: Path, run: Run, ids: Any, client: Client
) -> None:
    folder = write(tmp_path / "docs", "a.txt", "b.txt", "c.txt")
    assert "3 files would be indexed" in run(folder, "--dry-run").stderr
    assert [one.name for one in client.collections()] == []
    run(folder)
    (folder / "a.txt").unlink()
    (folder / "b.txt").write_text("Other words.")
    write(folder, "d.txt")

    shown = run(folder, "--prune", "--dry-run")
    record = json.loads(run(folder, "--prune", "--dry-run", "--json").stdout)

    assert shown.stdout.splitlines() == ["new\tdocs/d.txt", "changed\tdocs/b.txt", "gone\tdocs/a.txt"]
    assert (record["new"], record["changed"], record["removed"]) == (
        ["docs/d.txt"],
        ["docs/b.txt"],
        ["docs/a.txt"],
    )
    assert record["written"] == 0
    assert ids() == ["docs/a.txt", "docs/b.txt", "docs/c.txt"]
    assert text_of(client, "docs/b.txt") == "The words of docs b.txt."


def test_a_collection_shows_its_sources_and_forgets_one_with_its_items(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    first = write(tmp_path / "svc2" / "docs", "a.txt", "b.txt")
    second = write(tmp_path / "svc3" / "docs", "a.txt")
    run(first, second)

    lines = run("docs", command="collections show").stdout.splitlines()
    forgotten = run("docs", "docs", "--yes", command="collections forget")

    cells = [line.split("\t") for line in lines]
    assert [(one[0], one[1], one[4]) for one in cells if len(one) == 5] == [
        ("docs", "2", str(first)),
        ("svc3-docs", "1", str(second)),
    ]
    assert "removed docs with 2 items" in forgotten.stderr
    assert ids() == ["svc3-docs/a.txt"]
    unknown = run("docs", "nope", "--yes", command="collections forget")
    assert "no source is named 'nope'" in unknown.stderr
