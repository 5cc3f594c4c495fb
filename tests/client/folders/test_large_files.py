"""`tieback index` takes large texts: several items of one file, written, skipped and removed together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.command_line import Run
from support.present import present
from support.small_library import small_library
from tieback_client import Client, Item
from tieback_client.cli import app
from tieback_client.files.items import ITEM_BYTES
from tieback_client.messages.writing_items import sections

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # A window that makes some 10,000 sections of 5 MB of log lines, more than an item may have.
    with small_library(tmp_path_factory.mktemp("library"), max_tokens=48) as served:
        yield served


@pytest.fixture(scope="module")
def small_window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # With words of one letter, as many bytes as 126 tokens of one byte each.
    with small_library(tmp_path_factory.mktemp("small"), max_tokens=63) as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "f"
    made.mkdir()
    return made


def log(size: int, word: str = "tide") -> str:
    """Lines of a log, no two of them the same."""
    lines = (f"2026-01-01T00:00:{number} station={number * 7919} {word}\n" for number in range(size // 30))
    return "".join(lines)[:size]


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def files_of(client: Client) -> dict[str, list[Item]]:
    """The items of each file, by their numbers."""
    found: dict[str, list[Item]] = {}
    for one in client.items("docs"):
        found.setdefault(str(one.metadata["path"]), []).append(one)
    return {
        path: sorted(items, key=lambda one: float(str(one.metadata.get("part", 0))))
        for path, items in found.items()
    }


def covered(items: list[Item], data: bytes) -> bool:
    """Whether the spans of the sections are the file's bytes, and lack nothing but white space."""
    end = 0
    for section in (one for item in items for one in sections(item)):
        begin, until = present(section.span)
        assert data[begin:until].decode() == section.content
        if data[end:begin].strip():
            return False
        end = until
    return not data[end:].strip()


@pytest.mark.all
def test_a_log_of_five_megabytes_is_indexed_whole_and_skipped_when_it_is_unchanged(
    run: Run, folder: Path, client: Client
) -> None:
    text = log(5 * MEGABYTE)
    (folder / "big.log").write_text(text)
    (folder / "small.txt").write_text("Words.")

    first, second = told(run(folder, "--json")), told(run(folder, "--json"))

    assert (first["written"], first["failures"]) == (2, {})
    assert first["kinds"] == {"text": 2}
    assert (second["written"], second["unchanged"], second["removed"]) == (0, 2, [])
    items = files_of(client)["f/big.log"]
    assert [one.id for one in items] == [
        "f/big.log", *(f"f/big.log/{number}" for number in range(2, len(items) + 1)),
    ]  # fmt: skip
    assert len({one.metadata["content_hash"] for one in items}) == 1
    assert {one.metadata["parts"] for one in items} == {len(items)}
    assert covered(items, text.encode())
    assert first["sections"] + first["added_sections"] > 4096


@pytest.mark.parametrize("sentence", [64, 17])
def test_a_text_of_tokens_of_one_byte_below_a_long_heading_is_within_the_limit_of_sections(
    small_window: str, folder: Path, sentence: int
) -> None:
    words = "".join(f"{chr(97 + n % 26)}{'.' if n % sentence == 0 else ''} " for n in range(ITEM_BYTES // 2))
    (folder / "a.md").write_text(f"# {'a ' * 50}\n\n{words[: ITEM_BYTES - 200]}")

    result = CliRunner().invoke(
        app.tieback, ["index", "-c", "docs", "--json", str(folder)], env={"TIEBACK_SERVER": small_window}
    )

    made = told(result)
    assert made["failures"] == {}
    assert 1000 < made["sections"] + made["added_sections"] < 4096


def test_a_file_that_shrinks_loses_its_later_items_and_no_other_file_does(
    run: Run, folder: Path, client: Client
) -> None:
    for name in ("a.log", "b.log"):
        (folder / name).write_text(log(3 * ITEM_BYTES))
    run(folder)
    before = files_of(client)
    (folder / "a.log").write_text(log(2 * ITEM_BYTES, "moon"))

    would = told(run(folder, "--dry-run", "--json"))
    done = told(run(folder, "--json"))
    shorter = files_of(client)
    (folder / "a.log").write_text("Words.")
    run(folder)

    assert (would["changed"], would["removed"]) == (["f/a.log"], [])
    assert done["written"] == 1
    assert 1 < len(shorter["f/a.log"]) < len(before["f/a.log"])
    assert covered(shorter["f/a.log"], (log(2 * ITEM_BYTES, "moon")).encode())
    assert shorter["f/b.log"] == before["f/b.log"]
    assert [one.id for one in files_of(client)["f/a.log"]] == ["f/a.log"]


def test_a_file_is_written_again_where_a_part_of_it_is_not_there(
    run: Run, folder: Path, client: Client
) -> None:
    (folder / "a.log").write_text(log(3 * ITEM_BYTES))
    run(folder)
    before = client.get_collection("docs").item_count
    client.delete("docs", ["f/a.log/2"])

    assert told(run(folder, "--json"))["written"] == 1
    assert client.get_collection("docs").item_count == before


def test_pruning_counts_files_and_removes_all_items_of_one(run: Run, folder: Path, client: Client) -> None:
    (folder / "a.log").write_text(log(3 * ITEM_BYTES))
    for name in ("b.txt", "c.txt"):
        (folder / name).write_text("Words.")
    run(folder)
    (folder / "a.log").unlink()

    kept = run(folder)
    shown = run(folder, "--prune", "--dry-run")
    done = run(folder, "--prune")  # one of three files is less than half, whatever its items

    assert f"1 file is gone from {folder}" in kept.stderr
    assert shown.stdout.splitlines() == ["gone\tf/a.log"]
    assert done.exit_code == 0, done.output
    assert "2 unchanged, 1 removed" in done.stdout
    assert [one.id for one in client.items("docs")] == ["f/b.txt", "f/c.txt"]


def test_a_folder_in_the_place_of_a_large_file_keeps_its_files(
    run: Run, folder: Path, client: Client
) -> None:
    (folder / "a").write_text(log(3 * ITEM_BYTES))
    (folder / "b.txt").write_text("Words.")
    run(folder)
    (folder / "a").unlink()
    (folder / "a").mkdir()
    (folder / "a" / "2").write_text("Other words.")

    result = run(folder, "--prune", "--yes")

    assert result.exit_code == 0, result.output
    assert [one.id for one in client.items("docs")] == ["f/a/2", "f/b.txt"]
    assert sections(client.get("docs", "f/a/2"))[0].content == "Other words."


def test_an_empty_file_in_the_place_of_a_large_one_is_pruned_whole(
    run: Run, folder: Path, client: Client
) -> None:
    (folder / "a.log").write_text(log(3 * ITEM_BYTES))
    (folder / "b.txt").write_text("Words.")
    run(folder)
    (folder / "a.log").write_text("")

    assert "1 removed" in run(folder, "--prune").stdout
    assert [one.id for one in client.items("docs")] == ["f/b.txt"]


def test_a_text_past_the_bound_fails_and_says_what_it_is(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieback_client.files.items.TEXT_BYTES", MEGABYTE)
    (folder / "a.log").write_text(log(2 * MEGABYTE))
    (folder / "b.txt").write_text("Words.")

    result = run(folder, "--json")

    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert "and up to 1,000,000 of a file are taken" in record["failures"]["f/a.log"]
    assert record["written"] == 1
