"""Whatever a server, a file or a name holds, nothing of it controls the terminal of whoever reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.canned.serving import serve
from support.each import each
from support.sweep import sweep
from support.terminal import in_a_terminal
from tieback_client import Client
from tieback_client.cli import app

# Sets the title, clears the screen, colours by C1, turns the order round; and rich's own markup.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202ecod\u2066.exe\x08\r[link=https://example.org]x[/link][/b]"
SENT_BY_US = re.compile(
    r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AKGC]|\x1b\[2K|\r(?=[\n\x1b]|$)|\n|\t|\r"
)
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

COMMANDS = [
    ["search", "moon", "--explain", "-c", "notes"],
    ["ask", "why", "--explain", "-c", "notes"],
    ["ask", "unanswerable", "-c", "notes"],
    ["rerank", "moon", "a", f"a{HOSTILE}".replace("\x1b", "\x9b"), "--explain"],
    ["encode", "cab", "--space", "tiny", "--kinds", "dense,multi_vector,labels,sparse"],
    ["encode", "a", "bad", "--space", "tiny"],
    ["encode", "a", "--space", "nope"],
    ["encode", f"a{HOSTILE}".replace("\x1b", "\x9b"), "--space", "tiny"],
    ["spaces"],
    ["spaces", "tiny"],
    ["methods"],
    ["health"],
    ["whoami", "--token", "acme-token"],
    ["collections"],
    ["collections", "items", "notes"],
    ["collections", "show", "notes"],
    ["collections", "show", "notes", "{item}"],
    ["collections", "show", "notes", "none\x1b]0;x\x07"],
    ["collections", "delete", "notes"],
    ["collections", "forget", "notes", "{source}"],
    ["collections", "remove", "notes", "none\x1b]0;x\x07"],
    ["snapshots"],
    ["snapshots", "create", "notes", "more"],
    ["snapshots", "restore", "broken", "restored"],
    ["snapshots", "restore", "none\x1b]0;x\x07", "more"],
    ["snapshots", "delete", "none\x1b]0;x\x07"],
    ["reindex", "notes"],
    ["upgrade", "plan", "notes", "--to", "tiny"],
    ["heads"],
    ["heads", "fit", "pets", "--examples", "{examples}"],
    ["heads", "show", "pets"],
    ["heads", "predict", "pets", f"a{HOSTILE}".replace("\x1b", "\x9b"), "bad"],
    ["heads", "delete", "pets"],
    ["heads", "show", "none\x1b]0;x\x07"],
    ["operations"],
    ["operations", "show", "notes-0"],
    ["operations", "wait", "notes-0"],
    ["operations", "cancel", "notes-0"],
    ["operations", "delete", "notes\x1b]0;x\x07"],
    ["index", "{folder}", "-c", "more"],
    ["index", "{folder}", "-c", "dry", "--dry-run"],
    ["doctor"],
    ["bogus\x1b]0;x\x07"],
]


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The places of a server whose every string is hostile, and of a folder with hostile names."""
    server, port, _ = serve(poison=HOSTILE)
    address = f"127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("files") / "fo\x1b]0;x\x07\u202e\x9b2J"
    folder.mkdir()
    (folder / "a\x1b[2J\x9b\u202e\n.txt").write_text(f"Words. {HOSTILE}")
    (folder / "broken\x1b]0;x\x07.png").write_bytes(b"not a picture")
    (folder / "link\x1b]0;x\x07.txt").symlink_to("/etc/hostname")
    examples = folder.parent / "examples"
    for label in ("cat", "dog\x1b]0;x\x07"):
        (examples / label).mkdir(parents=True)
        (examples / label / "a.txt").write_text(f"Words. {HOSTILE}")
    with Client(address) as client:
        client.create_collection("notes", "tiny")
        client.record_source("notes", f"s{HOSTILE}", host=f"h{HOSTILE}", location=f"/l{HOSTILE}")
        client.snapshot("notes", "broken")
        client.ingest("notes", [_item()]).collect()
    yield {
        "server": address,
        "folder": str(folder),
        "examples": str(examples),
        "item": _item().id,
        "source": f"s{HOSTILE}",
    }
    server.stop(0).wait()


def _item() -> Any:
    from tieback_client import Item, Section

    section = Section(f"Text {HOSTILE}", id=f"1{HOSTILE}", title=f"Title {HOSTILE}", uri=f"u{HOSTILE}")
    return Item(f"i{HOSTILE}", [section], f"T {HOSTILE}", {f"key{HOSTILE}": f"value{HOSTILE}"})


def filled(words: list[str], poisoned: dict[str, str]) -> list[str]:
    return [poisoned.get(word[1:-1], word) if word.startswith("{") else word for word in words]


@each("words", COMMANDS)
def test_no_text_reaches_a_pipe_with_what_controls_a_terminal(
    poisoned: dict[str, str], words: list[str]
) -> None:
    environment = {"TIEBACK_SERVER": poisoned["server"]}

    piped = CliRunner().invoke(app.tieback, filled(words, poisoned), env=environment, input="n\n")

    assert OBEYED.findall(re.sub(r"[\n\t]", "", piped.output)) == []


@pytest.mark.parametrize("words", sweep(COMMANDS, quick=COMMANDS[::6]))
def test_no_text_controls_the_terminal(poisoned: dict[str, str], words: list[str]) -> None:
    shown = in_a_terminal(poisoned["server"], *filled(words, poisoned), answers="n\n", exit_codes=(0, 1, 2))

    assert "Traceback" not in shown
    assert OBEYED.findall(SENT_BY_US.sub("", shown)) == []
    assert "\x1b]8;" not in shown


@each(
    "words",
    [
        ["search", "moon", "-c", "notes"],
        ["ask", "why", "-c", "notes"],
        ["collections"],
        ["collections", "items", "notes"],
        ["spaces"],
        ["encode", "a", "--space", "tiny"],
        ["encode", "--lines", "-", "--space", "tiny"],
    ],
)
def test_json_is_exact_and_holds_none_of_it_as_it_is(poisoned: dict[str, str], words: list[str]) -> None:
    environment = {"TIEBACK_SERVER": poisoned["server"]}
    line = json.dumps({"id": HOSTILE, "text": "a\u2028b"}) + "\n"
    result = CliRunner().invoke(app.tieback, [*words, "--json"], env=environment, input=line)

    assert OBEYED.findall(result.stdout.replace("\n", "")) == []
    assert "\u2028" not in result.stdout
    assert json.dumps(HOSTILE)[1:-1] in json.dumps(
        [json.loads(line) for line in result.stdout.split("\n") if line]
    )


def test_every_command_writes_through_the_one_place_that_makes_texts_safe() -> None:
    root = Path(__file__).parents[2]
    folders = ("clients/tieback_client/cli", "services/tieback/serving/commands")
    pages = [page for folder in folders for page in (root / folder).glob("*.py") if page.name != "output.py"]
    # JSON of ASCII alone may go another way: it holds none of these characters.
    other_ways = re.compile(
        r"(?<![.\w])print\(|click\.(?:echo|secho|confirm|prompt)\((?!\s*json\.dumps)|\bConsole\("
    )

    found = [f"{page.name}: {one}" for page in pages for one in other_ways.findall(page.read_text())]

    assert len(pages) > 20
    assert found == []
