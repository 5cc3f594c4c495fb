"""`tieback index` takes files as they are, and says what it did not take and why."""

from __future__ import annotations

import gzip
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from support.command_line import Run
from tieback_client import Client
from tieback_client.messages.writing_items import sections


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "f"
    made.mkdir()
    return made


def report(result: Result) -> Any:
    return json.loads(result.stdout)


def test_an_empty_file_is_a_note_and_no_failure(run: Run, folder: Path) -> None:
    (folder / "empty.md").write_bytes(b"")
    (folder / "blank.txt").write_bytes(b"\n\n")
    (folder / "full.md").write_text("# Words\n\nMore words.\n")

    result = run(folder)
    told = report(run(folder, "--json", "--force"))

    assert result.exit_code == 0
    assert "1 file indexed (1 markdown; 1 section), 2 notes" in result.stdout
    assert "f/blank.txt, f/empty.md: it is empty" in result.stderr
    assert told["notes"] == {"f/blank.txt": ["it is empty"], "f/empty.md": ["it is empty"]}
    assert told["kinds"] == {"markdown": 1}


def test_a_file_that_holds_only_a_heading_is_found_by_it(run: Run, folder: Path, client: Client) -> None:
    (folder / "tides.md").write_text("# Tides\n")

    assert run(folder).exit_code == 0
    assert [hit.item_id for hit in client.search("docs", text="tides").hits] == ["f/tides.md"]


def test_a_named_file_that_cannot_be_read_fails_with_the_reason(run: Run, folder: Path) -> None:
    (folder / "program").write_bytes(b"\x7fELF\2\1\1\0\0\0")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (folder / "good.txt").write_text("Words.\n")

    result = run(folder / "program", folder / "broken.pdf", folder / "good.txt", "--json")

    assert result.exit_code == 1
    failures = report(result)["failures"]
    assert failures["f/program"] == "it is an ELF program, and not text, a photo or a sound"
    assert failures["f/broken.pdf"].startswith("it is no PDF that can be read: ")
    assert report(result)["written"] == 1


def test_what_is_called_a_pdf_and_is_none_is_named_in_a_folder_too(run: Run, folder: Path) -> None:
    (folder / "scan.pdf").write_bytes(bytes(5000))
    (folder / "login.pdf").write_bytes(b"<!doctype html><p>Log in")

    failures = report(run(folder, "--json"))["failures"]

    assert failures == {
        "f/login.pdf": "it is no PDF that can be read: it begins as a page of HTML",
        "f/scan.pdf": "it is no PDF that can be read: it begins as NUL bytes alone",
    }


def test_files_of_a_folder_are_told_apart_by_their_bytes(run: Run, folder: Path, client: Client) -> None:
    (folder / "Makefile").write_text("all:\n\techo words\n")
    (folder / "code.py").write_text("def tides(): ...\n")
    (folder / "wide.txt").write_bytes("Größe — weit".encode("utf-16"))
    (folder / "old.txt").write_bytes("Größe".encode("latin-1"))
    (folder / "a.ods").write_bytes(b"PK\x03\x04\0\0")
    (folder / "b.ods").write_bytes(b"PK\x03\x04\0\0")
    (folder / "program").write_bytes(b"\x7fELF\2\1\1\0\0\0")

    result = run(folder)

    assert result.exit_code == 0
    assert "3 of other kinds (2 .ods, 1 an ELF program)" in " ".join(result.stdout.split())
    texts = {one.id: sections(one)[0].content for one in client.items("docs")}
    assert texts == {
        "f/Makefile": "all:\n\techo words",
        "f/code.py": "def tides(): ...",
        "f/wide.txt": "Größe — weit",
        "f/old.txt": "Größe",
    }


def test_compressed_texts_are_read_and_other_compressed_files_are_counted(
    run: Run, folder: Path, client: Client
) -> None:
    (folder / "tides.md.gz").write_bytes(gzip.compress(b"# Tides\n\nThe tide is high.\n"))
    (folder / "lid.eps.gz").write_bytes(gzip.compress(b"%!PS-Adobe-3.0 EPSF-3.0"))
    (folder / "all.img.gz").write_bytes(gzip.compress(b"a" + b"\0" * 600))
    (folder / "torn.txt.gz").write_bytes(gzip.compress(b"words " * 100)[:-4])
    (folder / "torn.docx.gz").write_bytes(gzip.compress(b"PK\x03\x04" + b"\0" * 600))

    result = run(folder)

    assert result.exit_code == 1
    assert "2 of other kinds (2 .gz), 2 failed" in " ".join(result.stdout.split())
    [item] = client.items("docs")
    assert (item.id, item.title, item.metadata["kind"]) == ("f/tides.md.gz", "Tides", "markdown")
    assert sections(item)[0].uri == "f/tides.md.gz#L3"
    assert "1 unchanged" in run(folder / "tides.md.gz").stdout


def test_scripts_that_were_built_for_browsers_are_read_where_they_are_named(
    run: Run, folder: Path, client: Client
) -> None:
    (folder / "page.js").write_text("export function tides() {\n  return 2;\n}\n")
    (folder / "book-a0b12cfe.js").write_text("function open() {}\n")
    (folder / "app.min.css").write_text("a{}\n")
    (folder / "search.js").write_text("x=1;" * 500)
    (folder / "log.txt").write_text("a long line of words " * 100)

    result = run(folder)

    assert "3 of other kinds (2 built .js, 1 built .css)" in " ".join(result.stdout.split())
    assert {one.id for one in client.items("docs")} == {"f/page.js", "f/log.txt"}
    assert report(run(folder / "app.min.css", "--json"))["written"] == 1


def test_lists_and_dates_of_front_matter_can_be_filtered_by(run: Run, folder: Path, client: Client) -> None:
    (folder / "a.md").write_text("---\ntags: [tls, http]\nday: 2024-01-02\ndraft: true\n---\nWords.\n")
    (folder / "b.md").write_text("---\ntags: [smtp]\nday: 2025-01-02\n---\nWords.\n")
    run(folder)

    found = [
        [one.id for one in client.items("docs", filter=filter)]
        for filter in ('tags = "tls"', "day < 2024-06-01", "draft = true")
    ]

    assert found == [["f/a.md"]] * 3
    assert client.get("docs", "f/a.md").metadata["tags"] == ["tls", "http"]
    assert client.get("docs", "f/a.md").metadata["day"] == date(2024, 1, 2)


def test_a_fact_that_cannot_be_stored_is_a_failure_that_names_its_key(run: Run, folder: Path) -> None:
    (folder / "a.md").write_text("---\nlinks: [{name: x}]\n---\nWords.\n")

    result = run(folder, "--json")

    assert result.exit_code == 1
    assert "links[0] of its front matter: a mapping" in report(result)["failures"]["f/a.md"]


def test_facts_that_tieback_sets_are_not_taken_from_front_matter_unsaid(run: Run, folder: Path) -> None:
    (folder / "a.md").write_text("---\nkind: recipe\n---\nWords.\n")

    assert report(run(folder, "--json"))["notes"]["f/a.md"] == [
        "these keys of its front matter are not stored, because tieback sets them: kind"
    ]


def test_an_item_whose_file_was_emptied_is_told_and_removed_by_pruning(
    run: Run, folder: Path, client: Client
) -> None:
    (folder / "a.md").write_text("Words.\n")
    (folder / "b.md").write_text("Words.\n")
    run(folder)
    (folder / "a.md").write_text("")

    kept = run(folder)
    assert "--prune removes them: f/a.md" in kept.stderr
    assert [one.id for one in client.items("docs")] == ["f/a.md", "f/b.md"]
    run(folder, "--prune")
    assert [one.id for one in client.items("docs")] == ["f/b.md"]


def test_names_with_control_characters_are_indexed_and_cannot_control_a_terminal(
    run: Run, folder: Path, client: Client
) -> None:
    name = "a\nb\x1b]0;title\x07.md"
    (folder / name).write_text("Words.\n")
    (folder / f"{name}.bin").write_bytes(b"\0\1\2")
    (folder / f"{name}.pdf").write_bytes(b"%PDF-broken")

    result = run(folder)

    assert [one.id for one in client.items("docs")] == [f"f/{name}"]
    assert "\x1b" not in result.output
    assert "\x07" not in result.output
    assert r"f/a\nb\x1b]0;title\x07.md.pdf" in result.stderr


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_files_and_folders_out_of_the_root_are_reached_by_links_only_where_asked(
    run: Run, folder: Path, client: Client, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far").write_text("Words.\n")
    (outside / "again").symlink_to(folder)
    (folder / "near").write_text("Words.\n")
    (folder / "file").symlink_to(outside / "far")
    (folder / "directory").symlink_to(outside)
    (folder / "loop").symlink_to(folder)

    refused = run(folder)
    assert [one.id for one in client.items("docs")] == ["f/near"]
    assert "f/directory, f/file" in refused.stderr
    run(folder, "--follow-links")
    assert [one.id for one in client.items("docs")] == ["f/directory/far", "f/file", "f/near"]
