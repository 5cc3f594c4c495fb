"""`tieback serve`: the platform on Ray Serve, or with --local in one process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from tieback_client.cli.output import say

from tieback.core.errors import StartupError
from tieback.serving.commands.stored import options_for_stored
from tieback.serving.metrics import logs
from tieback.serving.processes.free_port import free_port
from tieback.serving.processes.memory import check_memory
from tieback.serving.settings import PREFIX, Settings, load_settings
from tieback.serving.settings.doors import CONSOLE
from tieback.serving.settings.groups import default_of, setting_groups, value_of

if TYPE_CHECKING:
    from tieback.serving.processes.local import LocalServer

log = logging.getLogger(__name__)
F = Callable[..., Any]

SPARE_SECONDS = 5.0
"""What a server that ends may take beyond its drain until its ports are free."""


def _settings_options(command: F) -> F:
    """An option per setting, so that each is described once."""
    for name, field in reversed(Settings.model_fields.items()):
        option = "--" + name.replace("_", "-")
        is_flag = field.annotation is bool
        kind = f"{option}/--no-{option[2:]}" if is_flag else option
        default = default_of(field)
        # A default of None leaves the choice to the environment and then to the settings' own default.
        command = click.option(
            kind,
            name,
            default=None,
            help=f"{field.description} [{default}]" if default else field.description,
            type=bool if is_flag else str,
            metavar=None if is_flag else value_of(field),
        )(command)
    return command


class _Grouped(click.Command):
    """A command whose help lists the settings by what they are about."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a section for each group, the command's own options first."""
        options = {one.name: one for one in self.get_params(ctx)}
        groups = setting_groups()
        settings = {name for names in groups.values() for name in names}
        own = [name for name in options if name not in settings]
        for title, names in {"Options": own, **groups}.items():
            records = [options[name].get_help_record(ctx) for name in names]
            with formatter.section(title):
                formatter.write_dl([one for one in records if one is not None])


@click.command(
    cls=_Grouped,
    epilog="""\b
Examples:
  tieback serve --local --store ~/tieback --port 50051    # one process, its index in ~/tieback
  tieback serve --local --http-port 8080                  # with the HTTP door and the console
  tieback serve                                           # on Ray Serve
""",
)
@click.option("--local", is_flag=True, help="Everything in this process, without Ray.")
@click.option("--json", "as_json", is_flag=True, help="Log and report as JSON, one object a line.")
@click.option(
    "--print-config", is_flag=True, help="Print Ray Serve's configuration for these settings and end."
)
@_settings_options
def serve(local: bool, as_json: bool, print_config: bool, **options: Any) -> None:
    """Start a server; Ctrl-C or SIGTERM stops it.

    It stops when running calls have ended.

    Every option is also an environment variable, TIEBACK_ and its name in capitals. Defaults stand in
    brackets. With RAY_ADDRESS set, the platform is deployed on that Ray cluster; otherwise a small one is
    started on this machine.
    """
    if as_json:
        options["log_format"] = "json"
    log_format = options["log_format"] or os.environ.get(f"{PREFIX}LOG_FORMAT", "")
    report = Report(as_json, as_lines=log_format == "json")
    try:
        if report.as_lines and not print_config:  # before the settings, which may be wrong
            logs.start(Settings.model_construct(log_format="json", log_level="info"))
        settings = load_settings(**options)
        if print_config:
            from tieback.serving.processes.deployments import serve_config

            given = [name for name, value in options.items() if value is not None]
            say(serve_config(settings, given), nl=False)
            return
        _stop_on_signals()
        settings = located(settings, report)
        if report.as_lines:
            logging.getLogger(logs.ROOT).setLevel(logs.level_of(settings))
        else:
            logs.start(settings)
        check_models(settings)
        if local:
            serve_local(settings, report)
        else:
            _serve_on_ray(settings, report)
    except _Stopped:
        report.say("stopped", "stopped")
    except StartupError as error:
        report.failed(error.message)
        sys.exit(1)


class Report:
    """What the command prints: for people on standard error, or one JSON object a line on standard output.

    `as_lines` means that standard error holds JSON log lines, so that what is for people is one of them.
    """

    def __init__(self, as_json: bool, *, as_lines: bool) -> None:
        self._json = as_json
        self.as_lines = as_lines
        self._output = sys.stdout
        self._begin = time.monotonic()

    def say(self, event: str, text: str, **fields: Any) -> None:
        """Prints an event."""
        if self._json:
            click.echo(json.dumps({"event": event, **fields}), file=self._output)
        elif self.as_lines:
            logs.event(log, text.strip(), event=event, **fields)
        else:
            say(text, err=True)

    def ready(self, settings: Settings, port: int, metrics_port: int | None, http_port: int | None) -> None:
        """Prints where the server is."""
        seconds = round(time.monotonic() - self._begin, 1)
        address = f"{settings.host}:{port}"
        metrics = "" if metrics_port is None else f"http://{settings.host}:{metrics_port}/metrics"
        scheme = "http" if settings.tls_certificate is None else "https"
        http = "" if http_port is None else f"{scheme}://{settings.host}:{http_port}"
        text = f"ready in {seconds} s: gRPC on {address}"
        text += "".join(
            f", {name} on {where}" for name, where in (("HTTP", http), ("metrics", metrics)) if where
        )
        if http and settings.opens(CONSOLE):
            text += f"; the console: {http}/console/"
        self.say("ready", text, address=address, http=http, metrics=metrics, seconds=seconds)

    def failed(self, message: str) -> None:
        """Prints why it does not start."""
        if self._json:
            click.echo(json.dumps({"event": "failed", "message": message}), file=self._output)
        elif self.as_lines:
            logs.event(log, message, level=logging.ERROR, event="failed")
        else:
            say(f"error: {message}", err=True)


def serve_local(
    settings: Settings, report: Report, then: Callable[[LocalServer], None] = lambda _: None
) -> None:
    """Serves in this process until it is stopped; calls `then` once everything can be asked."""
    from tieback.serving.processes import local

    check_memory(settings, on_ray=False)
    report.say("starting", "starting every service in this process", mode="local")

    def ready(server: LocalServer) -> None:
        report.ready(settings, server.port, server.metrics_port, server.http_port)
        then(server)

    asyncio.run(local.run(settings, ready))
    report.say("stopped", "stopped")


def _serve_on_ray(settings: Settings, report: Report) -> None:
    from tieback.serving.processes.cluster import Cluster

    cluster = Cluster(settings)
    where = "a Ray cluster on this machine" if cluster.is_own else "the Ray cluster at RAY_ADDRESS"
    if cluster.is_own:
        check_memory(settings, on_ray=True)
    report.say("starting", f"starting {where}", mode="ray")
    try:
        # Ray's own remarks go to standard output, where they would be taken for the command's.
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere), cluster:
            _stop_on_signals()  # Ray has put its own handlers in their place
            report.say("deploying", "deploying the services")
            cluster.deploy(lambda name: report.say("deployed", f"  {name} is up", deployment=name))
            report.ready(settings, settings.port, settings.metrics_port, settings.http_port)
            while True:
                signal.pause()
    except SystemExit as ended:
        if ended.code != signal.SIGTERM:
            raise
        raise _Stopped from None  # by Ray's handler, which is there while Ray starts


class _Stopped(BaseException):
    """SIGTERM or Ctrl-C came."""


def _stop_on_signals() -> None:
    """Turns the next SIGTERM or Ctrl-C into `_Stopped`; those that come during the drain are ignored."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for ignored in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ignored, signal.SIG_IGN)
        raise _Stopped

    if threading.current_thread() is threading.main_thread():  # the only one that may
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)


def located(settings: Settings, report: Report) -> Settings:
    """The settings with absolute paths, since replicas run elsewhere, and with ports that are free.

    A server before this one may still drain: its ports are waited for.
    """
    placed: dict[str, Any] = {
        name: value.expanduser().absolute()
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), Path)
    }
    for name in ("port", "http_port", "metrics_port", "health_port"):
        port = getattr(settings, name)
        if port is not None:
            placed[name] = free_port(
                settings.host,
                port,
                name.replace("_", "-"),
                patience=settings.drain_seconds + SPARE_SECONDS,
                told=lambda text: report.say("waiting", text, reason=text),
            )
    return settings.model_copy(update=placed)


def check_models(settings: Settings) -> None:
    """StartupError, before anything is started, where models are not in the store."""
    from tieback.models.store import Store
    from tieback.serving.plan import Plan
    from tieback.serving.plan.assembly import open_store

    plan, store = Plan(settings), open_store(settings)
    cards = [*plan.encoders, *([plan.generator] if plan.generator is not None else [])]
    needed = {
        one.name: one for card in cards for one in (card.parents.values() if card.is_merged else [card])
    }
    missing = [card for card in needed.values() if not store.is_ready(card)]
    outer = Store(store.root.parent)
    if store.root.name == "models" and any(outer.is_ready(card) for card in missing):
        raise StartupError(
            f"{store.root} is a folder inside a model store, which is {outer.root}; "
            f"set TIEBACK_MODELS or --models to {outer.root}"
        )
    if missing == [plan.generator]:
        raise StartupError(
            f"the language model {missing[0].name} is not in the store at {store.root}; run: "
            f"tieback models pull {missing[0].name}, or serve without one and answers are quoted: "
            "--generator none"
        )
    if len(missing) == 1:
        store.open(missing[0])
    if missing:
        names, stored = " ".join(card.name for card in missing), options_for_stored(plan, store)
        raise StartupError(
            f"{len(missing)} models are not in the store at {store.root}; run: tieback models pull {names}"
            + (f"; or serve what is there: {stored}" if stored else "")
        )
