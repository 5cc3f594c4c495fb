"""Pruning removes what is gone from a folder, and nothing of another folder or program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Run
from support.terminal import in_a_terminal
from support.written_files import write
from tieback_client import Client, Item


def test_pruning_a_folder_leaves_another_of_its_name_alone(tmp_path: Path, run: Run, ids: Any) -> None:
    first = write(tmp_path / "svc2" / "docs", "a.txt", "b.txt", "c.txt")
    second = write(tmp_path / "svc3" / "docs", "d.txt")
    run(first)
    run(second)
    (first / "a.txt").unlink()

    run(second, "--prune")
    assert ids() == ["docs/a.txt", "docs/b.txt", "docs/c.txt", "svc3-docs/d.txt"]
    run(first, "--prune")
    assert ids() == ["docs/b.txt", "docs/c.txt", "svc3-docs/d.txt"]


def test_pruning_removes_nothing_that_another_program_wrote(
    tmp_path: Path, run: Run, ids: Any, client: Client
) -> None:
    folder = write(tmp_path / "docs", "a.txt", "b.txt", "c.txt")
    run(folder)
    client.ingest("docs", [Item("docs/by-hand.txt", "Written by hand.")]).collect()
    (folder / "a.txt").unlink()

    run(folder, "--prune")

    assert ids() == ["docs/b.txt", "docs/by-hand.txt", "docs/c.txt"]


@pytest.mark.parametrize("left", [[], ["e.txt", "f.txt"]])
def test_a_folder_that_is_empty_or_lost_more_than_half_is_not_pruned_unless_it_is_meant(
    tmp_path: Path, run: Run, ids: Any, left: list[str]
) -> None:
    folder = write(tmp_path / "docs", *(f"{letter}.txt" for letter in "abcdef"))
    run(folder)
    before = ids()
    for path in folder.iterdir():
        if path.name not in left:
            path.unlink()
    write(folder, *(["new.txt"] if left else []))

    refused = run(folder, "--prune")

    assert refused.exit_code == 1
    assert ids() == before
    expected = "4 of the 6 files" if left else "holds no file, and 6 files were indexed from it"
    assert expected in refused.stderr
    assert "--yes" in refused.stderr
    as_json = json.loads(run(folder, "--prune", "--json").stderr)
    assert expected in as_json["error"]["message"]

    meant = run(folder, "--prune", "--yes")

    assert meant.exit_code == 0, meant.output
    assert ids() == [f"docs/{name}" for name in [*left, *(["new.txt"] if left else [])]]


def test_without_pruning_an_empty_folder_removes_nothing(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt")
    run(folder)
    (folder / "a.txt").unlink()

    result = run(folder)

    assert result.exit_code == 0
    assert f"1 file is gone from {folder}; the items are kept, --prune removes them" in result.stderr
    assert ids() == ["docs/a.txt"]


def test_half_of_a_folder_may_go_without_a_question(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt", "b.txt")
    run(folder)
    (folder / "a.txt").unlink()

    assert "1 removed" in run(folder, "--prune").stdout
    assert ids() == ["docs/b.txt"]


def test_pruning_a_sub_folder_is_confined_to_it(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt", "b.txt", "old/c.txt", "old/d.txt", "older/e.txt")
    run(folder)
    for name in ("a.txt", "old/c.txt", "older/e.txt"):
        (folder / name).unlink()

    run(folder / "old", "--prune")

    assert ids() == ["docs/a.txt", "docs/b.txt", "docs/old/d.txt", "docs/older/e.txt"]


def test_pruning_a_folder_prunes_the_sources_within_it_as_sources_of_their_own(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    folder = write(tmp_path / "library", "notes/a.txt", "notes/b.txt", "c.txt")
    run(folder / "notes")
    run(folder)
    (folder / "notes" / "b.txt").unlink()

    run(folder, "--prune")

    assert ids() == ["library/c.txt", "notes/a.txt"]


@pytest.mark.parametrize(("answer", "left"), [("n", ["docs/a.txt"]), ("y", [])])
def test_in_a_terminal_one_is_asked_before_most_of_a_folder_is_removed(
    tmp_path: Path, run: Run, ids: Any, address: str, answer: str, left: list[str]
) -> None:
    folder = write(tmp_path / "docs", "a.txt")
    run(folder)
    (folder / "a.txt").unlink()

    shown = in_a_terminal(
        address, "index", str(folder), "-c", "docs", "--prune", answers=f"{answer}\n", exit_codes=(0, 1)
    )

    assert "Remove what was indexed from 1 file?" in shown
    assert ids() == left


def test_what_is_hidden_or_excluded_now_is_not_gone(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt", "old/b.txt", ".c.txt")
    run(folder, folder / ".c.txt")
    before = ids()

    run(folder, "--exclude", "old/*", "--prune")

    assert before == ["docs/.c.txt", "docs/a.txt", "docs/old/b.txt"]
    assert ids() == before


def test_more_items_are_removed_than_a_request_takes(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", *(f"{number}.txt" for number in range(1100)))
    run(folder, "--batch", "1024")
    assert len(ids()) == 1100
    for number in range(1050):
        (folder / f"{number}.txt").unlink()

    result = run(folder, "--prune", "--yes")

    assert "50 unchanged, 1050 removed" in result.stdout
    assert len(ids()) == 50


def test_items_are_removed_by_id_or_by_a_filter_and_none_where_one_is_not_there(
    run: Run, tmp_path: Path, ids: Any
) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for name in ("a.md", "b.md", "c.txt", "d.txt"):
        (folder / name).write_text("Words.\n")
    run(folder)

    unknown = run("docs", "f/a.md", "f/none.md", "--yes", command="collections remove")
    unasked = run("docs", "f/a.md", command="collections remove")
    both = run("docs", "f/a.md", "--filter", "bytes > 1", "--yes", command="collections remove")
    assert (unknown.exit_code, unasked.exit_code, both.exit_code) == (1, 2, 2)
    assert "docs has no item 'f/none.md'; nothing was removed" in unknown.stderr
    assert len(ids()) == 4

    one = run("docs", "f/a.md", "--yes", command="collections remove")
    texts = run("docs", "--filter", 'kind = "text"', "--yes", "--json", command="collections remove")
    assert "removed 1 item of docs" in one.stderr
    assert json.loads(texts.stdout) == {"collection": "docs", "removed": 2}
    assert ids() == ["f/b.md"]
