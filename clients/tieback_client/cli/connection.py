"""The shared part of commands that call a server: options, client, layout of the help."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from tieback_client.cli.output import Failure, Output
from tieback_client.cli.parameters import FILE, OptionGroup, added, declarations, group, option
from tieback_client.client import Client
from tieback_client.errors import TiebackError
from tieback_client.transport.options import Retry
from tieback_client.values.events import MethodLike

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=Client)

DEFAULT_COLLECTION = "library"
# A person who mistyped an address should not wait as long as a service whose server restarts.
CONNECT_SECONDS = 2.0
# A platform of many models takes a minute to start. Of other calls than writes the timeout ends the wait.
PATIENCE = 300.0

# A hint of the SDK names a keyword as `token=`, and a command's option is `--token`.
_KEYWORD = re.compile(r"\b([a-z]+)=(?!\w)")
# click shows a range in brackets of its own, after a help text that has what matters of it.
_RANGE = re.compile(r"\s*\[[^\]]*[<>][^\]]*\]$")


class ListByDefault(click.Group):
    """Takes the options of its command "list", and what else stands there, where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts "list" where a command is missing; shows the help of the group where that is asked for."""
        if not args or args[0].startswith("-"):
            asked = [one for one in args if one in ctx.help_option_names]
            args = asked[:1] or ["list", *args]
        return super().parse_args(ctx, args)


class Command(click.Command):
    """A command whose help lists its own options and the shared ones separately."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes both groups."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                record = (record[0], _RANGE.sub("", record[1]))
                (shared if parameter.name in SHARED else own).append(record)
        with formatter.section("Options"):
            formatter.write_dl(own)
        if shared:
            with formatter.section("Server and output"):
                formatter.write_dl(shared)


@dataclass(frozen=True, slots=True)
class CliConnection:
    """How a server is reached, as the shared options say."""

    server: str | None
    token: str | None
    tls: bool
    ca: Path | None
    certificate: Path | None
    key: Path | None
    timeout: float

    def open(self, kind: type[C]) -> C:
        """A client of the server."""
        return kind(
            **asdict(self),
            connect_timeout=min(CONNECT_SECONDS, self.timeout),
            retry=Retry(seconds=PATIENCE, budget=None),  # a person waits for one call at a time
        )


def _shared(
    server: str | None = option(
        "The server's address. [TIEBACK_SERVER; localhost:50051]", "ADDRESS", envvar="TIEBACK_SERVER"
    ),
    token: str | None = option("Bearer token. [TIEBACK_TOKEN]", "TOKEN", envvar="TIEBACK_TOKEN"),
    tls: bool = option("Use TLS; implied by the next three options."),
    ca: Path | None = option("Trusted certificate authorities, PEM.", "FILE", type=FILE),
    certificate: Path | None = option("Client certificate for mutual TLS, PEM.", "FILE", type=FILE),
    key: Path | None = option("Private key of the certificate, PEM.", "FILE", type=FILE),
    timeout: float = option(
        "Time limit of a call. [60]", "SECONDS", default=60.0, type=click.FloatRange(min=0, min_open=True)
    ),
    as_json: bool = option("Write JSON.", flags="--json"),
) -> tuple[CliConnection, bool]:
    """Make of the shared options how a server is reached, and whether the output is JSON."""
    return CliConnection(server, token, tls, ca, certificate, key, timeout), as_json


_SHARED: OptionGroup = group(_shared)
SHARED = frozenset(_SHARED.options)


def connection() -> CliConnection:
    """That of the command that runs."""
    found: CliConnection = click.get_current_context().meta[CliConnection.__name__]
    return found


def command(
    name: str | None = None, *, of: click.Group | None = None, kind: type[Client] = Client, **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that calls a server, of a group where it is one's; `settings` are click's.

    Its function gets a connected client of that kind, and an output, before its options.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        make: Any = click.command if of is None else of.command
        made: click.Command = make(name, cls=Command, **settings)(_connected(function, kind))
        return made

    return decorate


def _connected(function: F, kind: type[Client]) -> F:
    own, gathered = declarations(function, first=2)

    @functools.wraps(function)
    def command(**options: Any) -> Any:
        made, as_json = _SHARED.taken(options)
        try:
            click.get_current_context().meta[CliConnection.__name__] = made
            with made.open(kind) as client:
                return gathered(client, Output(json=as_json), **options)
        except TiebackError as error:
            hint = _KEYWORD.sub(r"--\1", error.details.hint)
            raise Failure(
                type(error)(error.message, replace(error.details, hint=hint)), json=as_json
            ) from None

    command_: F = added({**own, **_SHARED.options}, command)
    return command_


COLLECTION: Any = option(
    f"The collection. [TIEBACK_COLLECTION; {DEFAULT_COLLECTION}]",
    "NAME",
    flags="-c --collection",
    default=DEFAULT_COLLECTION,
    envvar="TIEBACK_COLLECTION",
)


def set_of(named: str) -> Any:
    """The option for parameters of a method that another option names."""
    return option(f"A parameter of the {named}; may be repeated.", "NAME=VALUE", flags="--set")


def parse_weights(
    value: str | None, policy: str | None, option: str = "--policy"
) -> dict[str, float] | str | None:
    """``"a=2,b=1"`` as a mapping, or the policy. `click.BadParameter` for another form, or for both."""
    if value is None:
        return policy
    if policy is not None:
        raise click.BadParameter(
            f"it cannot be given together with --weights; leave {option} out", param_hint=option
        )
    weights: dict[str, float] = {}
    for part in value.split(","):
        name, _, number = part.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            message = (
                f"{part!r} is not SPACE=NUMBER; for instance --weights all-minilm-l6-v2=2,wordllama-256=1"
            )
            raise click.BadParameter(message, param_hint="--weights") from None
    return weights


def parse_method(
    name: str | None, parameters: tuple[str, ...], option: str, parameter_option: str
) -> MethodLike | None:
    """A method with its parameters, given as ``"layer=25"``; values are JSON, or else words.

    `click.BadParameter` for another form, or for parameters without a method.
    """
    if not parameters:
        return name
    if name is None:
        raise click.BadParameter(
            f"a parameter needs a method; name it with {option}", param_hint=parameter_option
        )
    values: dict[str, object] = {}
    for parameter in parameters:
        key, separator, value = parameter.partition("=")
        if not separator or not key.strip():
            raise click.BadParameter(
                f"{parameter!r} is not NAME=VALUE; for instance {parameter_option} layer=25",
                param_hint=parameter_option,
            )
        try:
            values[key.strip()] = json.loads(value)
        except ValueError:
            values[key.strip()] = value
    return name, values
