"""The demo: serves the platform, indexes a real library, asks it questions of every kind, and ends.

    scripts/demo            on Ray Serve
    scripts/demo --local    in one process

What it shows are the commands that a person would type, run as they would be: `tieback index`, `tieback
search`, `tieback ask`, `tieback check`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.rule import Rule
from rich.text import Text
from served import Served, StartFailedError
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.serving.settings import load_settings
from tieback_client.cli.app import tieback
from tieback_client.cli.output import PLAIN_WIDTH

ROOT = Path(__file__).parents[1]
INTERRUPTED = 130  # what a command that Ctrl-C ended returns

# What is shown: why it is worth seeing, and the command. Chosen by what the models do well and badly.
SEARCHES = [
    (
        "A search in words finds photos without captions: a classifier recognises a moped, and the name of "
        "the class links the photo to the words.",
        ["search", "a vehicle on two wheels", "--modality", "image", "--limit", "3"],
    ),
    (
        "A search in words finds texts and photos together. Reranking compares tokens and changes the order.",
        ["search", "an old palace with a tiled roof", "--limit", "4"],
    ),
    (
        "A photo finds itself, and then texts about the classes that were recognised in it.",
        ["search", "--image", "photos/chelsea.png", "--limit", "4"],
    ),
    (
        "A photo and words in one query: the photo gives coffee, the words give the place.",
        [
            "search",
            "--image",
            "photos/coffee.png",
            "brought to Jamaica",
            "--limit",
            "3",
            "--explain",
            "--timing",
        ],
    ),
]
QUESTIONS = [
    (
        'A question about a photo, answered from a book: the photo shows what "this" is. The claim is '
        "checked against the cited passage.",
        ["ask", "--image", "photos/coffee.png", "When was this brought to Jamaica?", "--explain"],
    ),
    (
        "Two claims with a verdict each: the name is supported, and the year is not.",
        # By one passage: what comes fourth changes from run to run, since int8 vectors depend a little on the
        # texts beside them, and what the model writes changes with it.
        [
            *("ask", "Who is the astronaut in the photo, and in which year did she retire?"),
            *("--style", "write"),
            *("--evidence", "1", "--explain"),
        ],
    ),
    (
        "A question about this project, answered from its documentation in a separate collection.",
        ["ask", "How is a joint vector made?", "--collection", "documentation", "--explain"],
    ),
    (
        "A question without relevant passages: the answer is an abstention, and nothing is generated.",
        ["ask", "Who wrote the novel Moby Dick?", "--explain"],
    ),
    (
        "A question with a false answer that no passage supports: the answer is withdrawn.",
        ["ask", "What is the boiling point of water?", "--style", "write", "--explain"],
    ),
    (
        "A text that somebody else wrote, checked claim by claim: one year is wrong, one claim is made up.",
        ["check", "draft.txt", "--collection", "library"],
    ),
]
DRAFT = (
    "The English brought the plant to Jamaica in 1730. The Dutch brought the cultivation of coffee to "
    "Surinam in 1818. Jamaica belongs to Spain today.\n"
)


def main() -> int:
    """Runs the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--local", action="store_true", help="one process instead of Ray Serve")
    local = parser.parse_args().local
    console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tieback-demo-") as name:
        folder = Path(name)
        served = Served(folder, *(["--local"] if local else []), told=lambda event: _tell(console, event))
        try:
            lay_out_library(folder / "library")
            _heading(console, "The platform starts" + (" in one process" if local else " on Ray Serve"))
            with served:
                show(console, served, folder / "library")
        except KeyboardInterrupt:
            console.print(Text("\nStopped; the server and its data are gone.", style="yellow"))
            return INTERRUPTED
        except (StartFailedError, StartupError, CommandFailedError) as error:
            console.print(Text.assemble(("The demo failed: ", "bold red"), str(error)))
            console.print(Text(f"The server's last words:\n{served.log_tail()}", style="dim"))
            return 1
    _heading(console, f"That was it, in {time.monotonic() - began:.0f} s")
    console.print(GOING_ON)
    return 0


def lay_out_library(library: Path) -> None:
    """The texts of the repository beside the photos and clips of the model store, in one folder."""
    store = Store(load_settings().models)
    shutil.copytree(ROOT / "examples/library/text", library / "texts")
    (library / "draft.txt").write_text(DRAFT)
    shutil.copytree(ROOT / "docs", library / "documentation", ignore=shutil.ignore_patterns("*.py", "*.svg"))
    for card in Catalog.load().media():
        kind = "clips" if card.name == "speech" else "photos"
        shutil.copytree(
            store.media(card),
            library / kind,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("*.txt", "*.json"),
        )


def show(console: Console, served: Served, library: Path) -> None:
    """Indexes the library and runs every command."""
    os.environ["TIEBACK_SERVER"] = served.address
    os.chdir(library)
    _heading(console, "A library is indexed: texts, photos, spoken clips")
    run(console, ["index", "texts", "photos", "clips"])
    # By itself, so that what the documentation says of photos and models is no answer about the library.
    run(console, ["index", "documentation", "--collection", "documentation"])
    for reason, command in SEARCHES + QUESTIONS:
        _heading(console, reason)
        run(console, command)


class CommandFailedError(Exception):
    """A command of the demo failed; it has said why."""


def run(console: Console, command: list[str]) -> None:
    """Shows a command as it would be typed, then runs it in this process."""
    console.print(Text(f"$ tieback {shlex.join(command)}", style="bold green"))
    try:
        status = tieback.main(args=command, prog_name="tieback", standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status and command[0] != "check":  # its status tells that not all claims are supported
        raise CommandFailedError(f"tieback {shlex.join(command)} ended with status {status}")


def _tell(console: Console, event: dict[str, Any]) -> None:
    match event:
        case {"event": "deployed", "deployment": name}:
            console.print(Text(f"  {name} is up", style="dim"))
        case {"event": "ready", "address": address, "seconds": seconds}:
            console.print(f"Ready after {seconds} s: gRPC on {address}")


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Rule(style="blue"))
    console.print(Text(text, style="bold"))
    console.print()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


GOING_ON = """\
Go on with
  scripts/serve                      the platform, until you stop it (--local: in one process)
  tieback index FOLDER               your own texts, photos and sounds
  tieback search, ask, check         what you saw here; --help says the rest
  tieback_client                     the same from Python: README.md, "More of the SDK"
The command is .venv/bin/tieback: source .venv/bin/activate puts it on your path."""

if __name__ == "__main__":
    sys.exit(main())
