"""What somebody sees who uses the command line for the first time and makes the usual mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from support.each import each
from tieback_client import Client, InvalidArgument, Item, Unavailable
from tieback_client.cli import app
from tieback_client.cli.index.run import Run
from tieback_client.cli.query.search import hit, without_relevance

Command = Callable[..., Result]


@pytest.fixture
def run(served: Any) -> Command:
    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": served.address})

    return invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "a.txt").write_text("Words.\n")
    (made / "z.txt").write_text("More words.\n")
    return made


def test_broken_pictures_and_sounds_fail_alone_and_by_name(run: Command, folder: Path) -> None:
    for name in ("empty.png", "empty.wav"):
        (folder / name).write_bytes(b"")
    (folder / "text.jpg").write_text("words")

    result = run("index", str(folder), "-c", "notes")

    assert result.exit_code == 1
    assert "failed  folder/empty.png  it is empty" in result.stderr
    assert "failed  folder/empty.wav  it is empty" in result.stderr
    assert "failed  folder/text.jpg  it is no picture that is read" in result.stderr
    assert "2 files indexed (2 text; 2 sections), 3 failed" in result.stdout


def test_an_index_run_that_is_interrupted_says_what_it_did_and_how_to_go_on(
    run: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Run.note

    def interrupted(self: Run, result: Any) -> Any:
        told = note(self, result)
        if self.written == 1:
            raise KeyboardInterrupt
        return told

    monkeypatch.setattr(Run, "note", interrupted)

    result = run("index", str(folder), "-c", "notes", "--batch", "1")

    assert result.exit_code == 130
    assert "ended early: 1 of 2 files indexed now, 0 unchanged; run it again to go on" in result.stderr


@pytest.mark.parametrize("told", ["", "UNAVAILABLE"])
def test_an_index_run_says_that_the_server_broke_and_goes_on(
    breaking: Any, folder: Path, caplog: pytest.LogCaptureFixture, told: str
) -> None:
    breaking.log.break_reason = told
    for number in range(4):
        (folder / f"{number}.txt").write_text("Words.\n")

    result = CliRunner().invoke(
        app.tieback, ["index", str(folder), "--batch", "1"], env={"TIEBACK_SERVER": breaking.address}
    )

    assert result.exit_code == 0, result.output
    assert "6 files indexed" in result.stdout
    said, back = (one.getMessage() for one in caplog.records if one.name == "tieback_client")
    assert back == f"the server at {breaking.address} answers again"
    assert ("waiting for it" if told else "broke; waiting for its return") in said


def test_an_index_run_without_anything_new_counts_no_sections(run: Command, folder: Path) -> None:
    run("index", str(folder), "-c", "notes")

    result = run("index", str(folder), "-c", "notes")

    assert "0 files indexed, 2 unchanged" in result.stdout


def test_a_file_named_as_words_is_told_with_the_option_that_reads_it(run: Command, folder: Path) -> None:
    photo = folder / "cup.jpg"
    photo.write_bytes(b"\xff\xd8\xff")

    searched, asked = run("search", str(photo)), run("ask", "what", "is", str(photo))
    plain = run("search", "cup.jpg")

    for result in (searched, asked):
        assert "is searched as text; to search by the file, use --image" in result.stderr
    assert plain.stderr == ""


def test_a_least_relevance_that_cannot_be_held_to_is_told(client: Client) -> None:
    known = client.retrieve("notes", "moon").hits
    bare = [replace(one, relevance=None) for one in known]

    assert without_relevance(known) == []
    assert "left nothing out" in str(without_relevance(bare)[0])


def test_the_name_of_a_hits_file_stays_in_its_line(client: Client) -> None:
    found = client.retrieve("notes", "moon").hits[0]
    found = replace(found, hit=replace(found.hit, item_title="two\nlines", uri="notes/new\nline.md#L2"))

    shown = hit(1, found, (), explain=False, width=100).plain

    assert "two\\nlines" in shown
    assert "notes/new\\nline.md#L2" in shown


def test_a_text_that_was_shown_is_not_shown_again(client: Client) -> None:
    found = client.retrieve("notes", "moon").hits[0]

    first, copy = (hit(rank, found, (), first=1, explain=False, width=100).plain for rank in (1, 3))

    assert found.hit.text[:20] in first
    assert "same text" not in first
    assert found.hit.text[:20] not in copy
    assert "the same text as hit 1" in copy
    assert found.hit.uri in copy


def test_a_summary_is_one_line_in_a_pipe(run: Command, folder: Path) -> None:
    for number, suffix in enumerate(("aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd", "eeeeeeeeee")):
        (folder / f"{number}.{suffix}").write_bytes(b"\0\1\2")

    result = run("index", str(folder), "-c", "notes")

    [line] = result.stdout.splitlines()
    assert len(line) > 100
    assert line.endswith(" s")


@pytest.mark.parametrize("scheme", ["http", "https", "grpc"])
def test_a_web_address_is_refused_with_the_address_that_is_meant(scheme: str) -> None:
    with pytest.raises(InvalidArgument, match=r"is HOST:PORT: localhost:50051$"):
        Client(f"{scheme}://localhost:50051/")


@each("address", ["localhost:abc", "localhost:0", "localhost:65536", "localhost:1e4"])
def test_a_port_that_is_none_is_refused_by_its_name(address: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"'{address[10:]}' is no port; an address is HOST:PORT"):
        Client(address)


def test_an_address_without_a_port_says_which_was_tried() -> None:
    with (
        Client("localhost", connect_timeout=0.1, timeout=2) as client,
        pytest.raises(Unavailable, match="at port 443, since the address names none"),
    ):
        client.server_info()


@each("address", ["localhost:1", "dns:localhost:1", "dns:///localhost:1", "[::1]:1", "unix:no-such-socket"])
def test_an_address_with_a_port_or_a_path_is_not_said_to_lack_one(address: str) -> None:
    with (
        Client(address, connect_timeout=0.1, timeout=2) as client,
        pytest.raises(Unavailable) as caught,
    ):
        client.server_info()

    assert "443" not in str(caught.value)


def test_what_is_no_item_is_refused_by_its_place(client: Client) -> None:
    with pytest.raises(InvalidArgument, match=r"items\[1\]: an item is an Item, not str"):
        client.ingest("notes", [Item("a", "words"), "words"]).collect()  # type: ignore[list-item]  # the mistake is meant


def test_a_text_file_in_another_encoding_names_what_reads_it(client: Client, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Gebühr".encode("latin-1"))

    with pytest.raises(InvalidArgument, match=r"Item\.from_file reads any encoding"):
        client.ingest("notes", [Item("a", tmp_path / "latin.txt")]).collect()


def test_a_tls_client_that_nobody_answers_is_told_that_tls_may_be_too_much() -> None:
    with (
        Client("localhost:1", tls=True, connect_timeout=0.1, timeout=2) as client,
        pytest.raises(Unavailable) as caught,
    ):
        client.server_info()

    assert "tieback serve --local" in caught.value.hint
    assert "if it does not use TLS, leave tls=" in caught.value.hint


def test_an_encoding_without_a_space_says_where_to_find_one(run: Command) -> None:
    result = run("encode", "words")

    assert result.exit_code == 2
    assert "Missing option '--space'. `tieback spaces` lists them." in result.stderr


def _leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands that are no groups, by their full names."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for one in command.list_commands(context):
        below = command.get_command(context, one)
        assert below is not None
        yield from _leaves(below, f"{name} {one}".strip())


def test_the_commands_without_json_are_those_that_the_help_names() -> None:
    without = {
        name
        for name, one in _leaves(app.tieback)
        if not any("--json" in option.opts for option in one.params)
    }

    assert without == {"tokens new", "tokens check", "models remove", "up"}
    assert "Every command but `tokens`, `models remove` and `up` takes --json" in (app.tieback.epilog or "")
