"""`tieback index --watch` keeps a collection as its folder is; --gitignore leaves out what git does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command_line import Run
from tieback_client import Client
from tieback_client.cli.index.command import keep_indexed
from tieback_client.cli.index.indexing import Indexing
from tieback_client.cli.index.walking import Walk
from tieback_client.cli.output import Output
from tieback_client.errors import Unavailable

Ids = Callable[[], list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "f"
    made.mkdir()
    return made


def watched(client: Client, folder: Path, steps: Iterator[None]) -> None:
    """Watches a folder; at each pause the next step changes it, and after the last one it is interrupted."""

    def pause(_seconds: float) -> None:
        if next(steps, "end") == "end":
            raise KeyboardInterrupt

    wanted = Indexing(
        [folder], "docs", None, Walk(), 16, None, False, True, False, False, "", None, None, False
    )
    keep_indexed(client, Output(json=True), wanted, pause)


def test_what_is_written_renamed_and_removed_is_followed(
    client: Client, folder: Path, ids: Ids, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.txt").write_text("One.\n")
    (folder / "b.txt").write_text("Two.\n")
    (folder / "bad.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    seen = []

    def steps() -> Iterator[None]:
        seen.append(ids())
        (folder / "c.txt").write_text("Three.\n")
        yield
        yield
        seen.append(ids())
        (folder / "a.txt").write_text("One and more.\n")
        (folder / "b.txt").rename(folder / "d.txt")
        (folder / "bad.txt").write_text("Good now.\n")
        yield
        seen.append(ids())

    watched(client, folder, steps())

    runs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert seen == [
        ["f/a.txt", "f/b.txt"],
        ["f/a.txt", "f/b.txt", "f/c.txt"],
        ["f/a.txt", "f/bad.txt", "f/c.txt", "f/d.txt"],
    ]
    assert [(one["written"], one["unchanged"], one["removed"]) for one in runs] == [
        (2, 0, []),
        (1, 2, []),
        (3, 1, ["f/b.txt"]),
    ]


def test_watching_outlives_a_server_that_restarts(
    client: Client,
    folder: Path,
    ids: Ids,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "a.txt").write_text("One.\n")

    def steps() -> Iterator[None]:
        (folder / "b.txt").write_text("Two.\n")
        with monkeypatch.context() as patch:
            patch.setattr(Indexing, "run", away)
            yield
            yield
        yield

    def away(*_: object) -> None:
        raise Unavailable("no server answers")

    watched(client, folder, steps())

    assert ids() == ["f/a.txt", "f/b.txt"]
    assert capsys.readouterr().err.count("no server answers") == 1


def test_the_files_that_gitignore_names_are_left_out(run: Run, tmp_path: Path, ids: Ids) -> None:
    checkout = tmp_path / "checkout"
    for name, text in {
        ".gitignore": "build/\n*.log\n!keep.log\n[z-a]\n/docs/*.tmp\n",
        "docs/.gitignore": "!wanted.log\n/here.txt\n",
        **dict.fromkeys(("build/a.txt", "a.log", "keep.log", "docs/b.tmp", "docs/c.txt"), "words\n"),
        **dict.fromkeys(("docs/wanted.log", "docs/here.txt", "docs/in/here.txt", "docs/in/a.log"), "words\n"),
    }.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    (checkout / ".git").mkdir()

    assert run(checkout / "docs", "--gitignore", "--source", "inner").exit_code == 0
    assert run(checkout, "--gitignore", "--exclude", "docs").exit_code == 0

    inner = ["inner/c.txt", "inner/in/here.txt", "inner/wanted.log"]
    assert ids() == ["checkout/keep.log", *inner]
