"""The group of all commands: their names, how errors are shown, how a command is loaded."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click
from tieback.core.extensions import further_entries, where_more

from tieback_client.cli.output import Failure
from tieback_client.control_characters import printable
from tieback_client.errors import TiebackError
from tieback_client.installing import how_to_install, known_version

# In the order of the help page. Loaded when asked for, so that none slows another.
COMMANDS = {
    "index": "tieback_client.cli.index.command:index",
    "search": "tieback_client.cli.query.search:search",
    "ask": "tieback_client.cli.query.ask:ask",
    "check": "tieback_client.cli.query.check:check",
    "conformance": "tieback_client.cli.query.conformance:conformance",
    "eval": "tieback_client.cli.query.evaluate:evaluate",
    "recognise": "tieback_client.cli.query.recognise:recognise",
    "rerank": "tieback_client.cli.query.rerank:rerank",
    "classify": "tieback_client.cli.query.classify:classify",
    "encode": "tieback_client.cli.query.encode:encode",
    "collections": "tieback_client.cli.collections.command:collections",
    "snapshots": "tieback_client.cli.collections.snapshots:snapshots",
    "backup": "tieback_client.cli.collections.backup:backup",
    "restore": "tieback_client.cli.collections.backup:restore",
    "heads": "tieback_client.cli.heads:heads",
    "reindex": "tieback_client.cli.collections.reindex:reindex",
    "upgrade": "tieback_client.cli.collections.upgrade:upgrade",
    "operations": "tieback_client.cli.collections.operations:operations",
    "spaces": "tieback_client.cli.server:spaces",
    "methods": "tieback_client.cli.server:methods",
    "health": "tieback_client.cli.server:health",
    "whoami": "tieback_client.cli.server:whoami",
}
ALIASES = {"status": "health"}
SERVER_GROUP = "tieback.commands"
"""Entry points of commands that need a server's packages, and the registry of those of extensions."""


class Commands(click.Group):
    """Commands by name: those of the client, and those of the server's package."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Takes the options of the server and of the output before the command, too."""
        return super().parse_args(ctx, behind_the_command(self, ctx, args))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, a server's after the client's."""
        return [*COMMANDS, *sorted(_of_the_server()), *further_entries(SERVER_GROUP)]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """The command, loaded now; if that fails, a command that names what to install."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name in COMMANDS:
            module, _, attribute = COMMANDS[name].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        if (found := _of_the_server().get(name)) is not None:
            return _load(found)
        module = further_entries(SERVER_GROUP).get(name, "")
        return getattr(importlib.import_module(module), name) if module else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words name; for a wrong word, the error names the most similar command."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            known = self.list_commands(ctx)
            near = get_close_matches(args[0], known, n=1)
            advice = f" Did you mean {near[0]}?" if near else f" The commands are: {', '.join(known)}."
            if more := where_more(SERVER_GROUP, args[0]):
                advice = f" It is{more.removeprefix('it is')}"
            elif not near and not _of_the_server():
                advice += f" Those of a server, such as serve, need it: {how_to_install()}"
            raise click.UsageError(f"No such command {args[0]!r}.{advice}", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; an error is shown in one line with what to do."""
        try:
            return super().invoke(ctx)
        except TiebackError as error:
            raise Failure(error, json=False) from None
        except click.NoSuchOption as error:
            told = f"{error.format_message()}{_word_behind_dashes(error)}"
            raise click.UsageError(printable(told), error.ctx) from error
        except click.ClickException as error:
            error.message = printable(error.message)  # type: ignore[misc]  # final to click, which shows it
            raise
        except KeyboardInterrupt:
            ctx.exit(130)


def _word_behind_dashes(error: click.NoSuchOption) -> str:
    """The way to give a command a word that begins as an option does; "" where it takes no words."""
    parameters = error.ctx.command.params if error.ctx is not None else []
    if error.ctx is None or all(one.nargs != -1 for one in parameters if isinstance(one, click.Argument)):
        return ""
    command = f"{error.ctx.command_path} -- {error.option_name}"
    return f" If it is a word, not an option, put -- before it: {command}"


def _of_the_server() -> dict[str, EntryPoint]:
    return {one.name: one for one in entry_points(group=SERVER_GROUP)}


def _load(found: EntryPoint) -> click.Command:
    try:
        command: click.Command = found.load()
        return command
    except ImportError as error:
        missing = error.name or str(error)

        def refuse(**_: Any) -> None:
            raise click.ClickException(
                f"`tieback {found.name}` needs the server's packages ({missing} is missing): "
                + how_to_install()
            )

        return click.Command(
            found.name,
            callback=refuse,
            short_help="(needs the server: tieback)",
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
            add_help_option=False,
        )


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  tieback serve --local                         start a server on this machine
  tieback index ~/library                       put a folder of texts, photos and sounds into it
  tieback search "a beach at sunset"            search all of them
  tieback ask "When is the tide highest?"       get an answer with sources

\b
Every command but `tokens`, `models remove` and `up` takes --json, and those that call a server --server,
--token, --tls, --ca, --certificate, --key and --timeout, before or after the command's name. Without
--server, the server is TIEBACK_SERVER, or else localhost:50051. `tieback COMMAND --help` describes a command.
Completion: eval "$(_TIEBACK_COMPLETE=bash_source tieback)", or zsh_source, fish_source.
""",
)
@click.version_option(known_version(), prog_name="tieback", message="%(prog)s %(version)s")
def tieback() -> None:
    """Many embedding spaces, one index, every answer tied back to its sources."""


# As `connection` declares them, which is loaded with the command and not before.
WITH_VALUE = frozenset({"--server", "--token", "--ca", "--certificate", "--key", "--timeout"})
FLAGS = frozenset({"--tls", "--json"})


def behind_the_command(group: click.Group, ctx: click.Context, args: Sequence[str]) -> list[str]:
    """The arguments, with such options behind the names of the command and of its own command, if it has one.

    They stand before the command's own options, which therefore count where both are given.
    """
    count = _leading(args)
    leading, rest = list(args[:count]), list(args[count:])
    if not leading:
        return rest
    names = 0
    inner: click.Command | None = group
    while isinstance(inner, click.Group) and names < len(rest) and not rest[names].startswith("-"):
        inner = inner.get_command(ctx, rest[names])
        names += 1
    # Without a command they have no meaning, and --help or the list of commands is shown.
    return [*rest[:names], *leading, *rest[names:]] if names else rest


def _leading(args: Sequence[str]) -> int:
    """How many arguments such options are at the head."""
    count = 0
    while count < len(args):
        name, equals, _ = args[count].partition("=")
        if name in WITH_VALUE:
            count += 1 if equals else 2
        elif args[count] in FLAGS:
            count += 1
        else:
            break
    return min(count, len(args))
