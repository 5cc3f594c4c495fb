"""Progress of a run, and what a run leaves that writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import Run as Command
from support.written_files import write
from tieback_client import Client
from tieback_client.cli.index.indexed import IndexedItems
from tieback_client.cli.index.report import IndexProgress
from tieback_client.cli.index.roots import FoundItems
from tieback_client.cli.index.run import Run
from tieback_client.cli.output import Output


def run_over(files: dict[str, Path]) -> Run:
    return Run([], FoundItems(files), IndexedItems({}), [], prunes=False, is_dry=False)


def test_the_forecast_goes_by_the_sizes_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(bytes(9000))
    small.write_bytes(b"")
    now = [0.0]
    run = run_over({"large": large} | {str(at): small for at in range(10)})
    with IndexProgress(Output(json=False), run, lambda: now[0]) as progress:
        now[0] += 600.0
        progress.show("large", 1)

    assert capsys.readouterr().err == "1 of 11 files, 0 sections; about 10 min left\n"


def test_a_long_run_without_a_terminal_writes_a_line_a_minute_with_a_forecast(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = run_over({f"docs/{at}.md": Path("gone") for at in range(100)})
    now = [0.0]
    with IndexProgress(Output(json=False), run, lambda: now[0]) as progress:
        for file in range(100):
            run.sections += 3
            now[0] += 9.0
            progress.show(f"docs/{file}.md", 1)

    lines = capsys.readouterr().err.splitlines()

    assert lines[:2] == [
        "7 of 100 files, 21 sections; about 14 min left",
        "14 of 100 files, 42 sections; about 13 min left",
    ]
    assert len(lines) == 14


def test_a_run_that_writes_nothing_leaves_no_new_collection(
    tmp_path: Path, run: Command, client: Client
) -> None:
    broken = tmp_path / "album"
    broken.mkdir()
    (broken / "broken.docx").write_bytes(b"PK\x03\x04 no document")

    failed = run(broken)

    assert failed.exit_code == 1
    assert "the new collection docs was removed again" in failed.stderr
    assert list(client.collections()) == []

    run(write(tmp_path / "notes", "a.txt"))
    client.delete("docs", ["notes/a.txt"])
    run(broken)

    assert [(one.name, one.item_count) for one in client.collections()] == [("docs", 0)]
