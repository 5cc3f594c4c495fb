"""The measurement of the words that are kept counts by format."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from benchmarks.kept_words import run


def test_words_are_counted_by_format_and_the_worst_files_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Tides\n\n" + "The moon pulls. " * 20)
    (tmp_path / "cut.html").write_text("<p>Words<script>" + "<p>The moon pulls. " * 20)
    (tmp_path / "b.bin").write_bytes(bytes(range(256)))

    report = run(Namespace(folders=[tmp_path]))

    rows = {row["format"]: (row["files"], row["thin"]) for row in report.tables["kept, by format"]}
    assert rows == {"html": (1, 1), "markdown": (1, 0)}
    assert report.tables["the least"][0]["file"] == str(tmp_path / "cut.html")
    assert [one.met for one in report.claims] == [False, True]
