"""Files of which next to nothing could be read are named, at once and later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_line import Run
from tieback_client import Item
from tieback_client.files import read_document
from tieback_client.values.documents import KEPT_WORDS

WORDS = "<p>The moon pulls the sea twice a day.</p>" * 20


def test_files_of_which_less_than_a_fifth_is_read_are_named(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "cut.html").write_text(f"<h1>Tides</h1><p>Few words.<script>let x{WORDS}")
    (folder / "none.html").write_text(f"<svg>{WORDS.replace('p>', 'text>')}")
    (folder / "whole.html").write_text(f"<nav>{WORDS * 9}</nav><script>{WORDS}</script><h1>Tides</h1>{WORDS}")
    (folder / "short.html").write_text("<script>a few words more")

    told = run(folder, "--json")
    shown = run("docs", "--thin", command="collections show")
    listed = json.loads(run("docs", "--thin", "--json", command="collections show").stdout)
    dry = run(folder, "--dry-run", "--force")

    assert set(json.loads(told.stdout)["thin"]) == {"docs/cut.html", "docs/none.html"}
    assert json.loads(told.stdout)["thin"]["docs/cut.html"] == {"kept": 3, "visible": 165}
    assert [one["path"] for one in listed] == ["docs/cut.html"]
    assert "docs/cut.html" in shown.stdout
    assert "docs/whole.html" not in shown.stdout
    assert (
        "less than a fifth of the words that these files show was read: docs/cut.html (3 of 165)"
        in " ".join(dry.stderr.split())
    )


def test_an_item_from_a_file_says_so_too(tmp_path: Path) -> None:
    (tmp_path / "cut.html").write_text(f"<h1>Tides</h1><p>Few words.<script>{WORDS}")
    (tmp_path / "whole.html").write_text(f"<h1>Tides</h1>{WORDS}")

    assert float(str(Item.from_file(tmp_path / "cut.html").metadata[KEPT_WORDS])) < 0.2
    assert KEPT_WORDS not in Item.from_file(tmp_path / "whole.html").metadata


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.md",
            "---\nauthor: Somebody\n---\n# Tides\n\nThe moon *pulls*.\n\n- a\n- b\n\n    code()\n",
        ),
        ("a.rst", "Tides\n=====\n\nThe moon pulls.\n\n.. note:: It does.\n"),
        ("a.txt", "The moon pulls.\n\nIt does.\n"),
        ("a.csv", "moon,pull\nfull,strong\nnew,strong\n"),
        (
            "a.html",
            "<head><title>Tides</title></head><h1>Tides</h1><p>The moon p<b>ulls</b>.<ul><li>It does</ul>",
        ),
    ],
)
def test_the_words_of_a_sound_file_are_all_kept(name: str, text: str) -> None:
    assert read_document(text.encode(), name).kept == 1.0
