"""`tieback up`: from an installed package to a first answer, with nothing else to do."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import click
from tieback_client.cli.output import say
from tieback_client.installing import how_to_install

from tieback.core.errors import StartupError
from tieback.serving.commands.serve import Report, check_models, located, serve_local
from tieback.serving.metrics import logs
from tieback.serving.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from tieback.models.store import Store
    from tieback.serving.plan import Plan
    from tieback.serving.processes.local import LocalServer

EXAMPLES = "examples"
QUESTION = "When did the English bring coffee to Jamaica?"


@click.command(
    short_help="Download, serve and answer a first question.",
    epilog="""\b
Examples:
  tieback up                            serve on localhost:50051, with the index in ./store
  tieback up --http-port 8080           also the console, on http://localhost:8080/console/
""",
)
@click.option("--port", metavar="NUMBER", help="As that of tieback serve.")
@click.option("--http-port", metavar="NUMBER", help="As that of tieback serve.")
@click.option("--store", metavar="PATH", help="As that of tieback serve.")
def up(**options: str | None) -> None:
    """Download what is missing, serve in this process, and answer a first question.

    The question is asked of the texts that come along, in the collection "examples". The server stays until
    Ctrl-C or SIGTERM. Every setting of `tieback serve` is taken from its environment variable.

    Models that need PyTorch to be exported are left out where it is not installed: then texts are found by
    one small model and by their words, and photos are not understood.
    """
    began = time.monotonic()
    report = Report(as_json=False, as_lines=False)
    try:
        quiet = None if f"{PREFIX}LOG_LEVEL" in os.environ else "warning"
        settings = located(load_settings(**options, log_level=quiet), report)
        logs.start(settings)
        settings = _with_models(settings)
        downloaded = time.monotonic() - began
        check_models(settings)

        def then(server: LocalServer) -> None:
            first = _FirstAnswer(f"{settings.host}:{server.port}", began, downloaded)
            threading.Thread(target=first.show, daemon=True).start()

        serve_local(settings, report, then)
    except StartupError as error:
        report.failed(error.message)
        sys.exit(1)


def _with_models(settings: Settings) -> Settings:
    """Pulls what is missing and can be made here; the settings with the spaces that can be served."""
    from tieback.recipes.export import can_export
    from tieback.serving.plan import Plan
    from tieback.serving.plan.assembly import open_store

    plan, store = Plan(settings), open_store(settings)
    lacking = [card for card in plan.encoders if not store.is_ready(card)]
    makeable = [card for card in lacking if can_export(card, store)]
    if lacking and makeable == lacking:
        say("Some models need minutes to be exported, once.", err=True)
    if makeable:
        _pull([card.name for card in makeable], plan, store)
    if settings.spaces:
        return settings
    spaces = tuple(card.name for card in plan.encoders if store.is_ready(card))
    left_out = [card.name for card in plan.encoders if card.name not in spaces]
    if left_out:
        say(
            f"Without {', '.join(left_out)}, which PyTorch has to export: {how_to_install('train')}, "
            "then: tieback models pull",
            err=True,
        )
    writes = plan.generator is not None and store.is_ready(plan.generator)
    generator = settings.generator if writes else settings.generator or "none"
    return settings.model_copy(update={"spaces": spaces, "generator": generator})


def _pull(names: list[str], plan: Plan, store: Store) -> None:
    from tieback.recipes.pull import pull
    from tieback.serving.commands.pull_progress import PullProgress, in_units

    cards = [card for card in plan.encoders if card.name in names]
    wheels = store.missing_wheels([*cards])
    with PullProgress() as progress:
        if wheels:
            size = in_units(sum(source.size for source in wheels))
            progress.tell(
                f"Downloading {size} into {store.root}; the first answer comes some 15 s after that."
            )
        pull(cards, plan.encoders, store, progress)


class _FirstAnswer:
    """Runs the commands that a person would type, beside the server that they ask."""

    def __init__(self, address: str, began: float, downloaded: float) -> None:
        self._address = address
        self._began = began
        self._downloaded = downloaded

    def show(self) -> None:
        """Indexes the texts that come along, and asks them; says how long it took and how to go on."""
        from tieback.recipes.default_binding import library

        self._run("index", str(library() / "text"), "--collection", EXAMPLES)
        if self._run("ask", QUESTION, "--collection", EXAMPLES, "--limit", "1"):
            seconds = time.monotonic() - self._began
            say(
                f"\nA first answer after {seconds:.1f} s, "
                f"of which {self._downloaded:.1f} s were downloads and models.\n"
                "In a second terminal: tieback index FOLDER; tieback ask QUESTION. Ctrl-C stops the server.",
                err=True,
            )

    def _run(self, *words: str) -> bool:
        say(f"\n$ tieback {shlex.join(words)}", err=True)
        done = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "tieback_client.cli", *words],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TIEBACK_SERVER": self._address},
            check=False,
        )
        return done.returncode == 0
