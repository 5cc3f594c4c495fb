"""The shared part of commands that call a server: options, client, layout of the help."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from tieback_client.cli.output import Failure, Output
from tieback_client.client import Client
from tieback_client.errors import TiebackError, Unauthenticated
from tieback_client.transport.options import Retry
from tieback_client.values.events import MethodLike

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=Client)

DEFAULT_COLLECTION = "library"
# A person who mistyped an address should not wait as long as a service whose server restarts.
CONNECT_SECONDS = 2.0
# A platform of many models takes a minute to start. Of other calls than writes the timeout ends the wait.
PATIENCE = 300.0

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CONNECTION: list[Callable[[Any], Any]] = [
    click.option(
        "--server",
        metavar="ADDRESS",
        envvar="TIEBACK_SERVER",
        help="The server's address. [TIEBACK_SERVER; localhost:50051]",
    ),
    click.option("--token", metavar="TOKEN", envvar="TIEBACK_TOKEN", help="Bearer token. [TIEBACK_TOKEN]"),
    click.option("--tls", is_flag=True, help="Use TLS; implied by the next three options."),
    click.option("--ca", type=FILE, metavar="FILE", help="Trusted certificate authorities, PEM."),
    click.option("--certificate", type=FILE, metavar="FILE", help="Client certificate for mutual TLS, PEM."),
    click.option("--key", type=FILE, metavar="FILE", help="Private key of the certificate, PEM."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        metavar="SECONDS",
        help="Time limit of a call. [60]",
    ),
    click.option("--json", "as_json", is_flag=True, help="Write JSON."),
]
SHARED = {"server", "token", "tls", "ca", "certificate", "key", "timeout", "as_json"}


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


def connection() -> CliConnection:
    """That of the command that runs."""
    found: CliConnection = click.get_current_context().meta[CliConnection.__name__]
    return found


def connected(function: F, kind: type[Client] = Client) -> F:
    """Adds the shared options; the function gets a connected client of that kind and an output first."""

    @functools.wraps(function)
    def command(
        *args: Any,
        as_json: bool,
        **options: Any,
    ) -> Any:
        try:
            made = CliConnection(**{one.name: options.pop(one.name) for one in fields(CliConnection)})
            click.get_current_context().meta[CliConnection.__name__] = made
            with made.open(kind) as client:
                return function(client, Output(json=as_json), *args, **options)
        except TiebackError as error:
            if isinstance(error, Unauthenticated):  # the SDK's hint names its own option
                hinted = replace(error.details, hint="give one with --token or TIEBACK_TOKEN")
                error = Unauthenticated(error.message, hinted)
            raise Failure(error, json=as_json) from None

    for option in reversed(_CONNECTION):
        command = option(command)
    return command  # type: ignore[return-value]  # click gives it other parameters than it has


def collection_option(function: F) -> F:
    """Adds the option that names the collection."""
    return click.option(
        "-c",
        "--collection",
        default=DEFAULT_COLLECTION,
        envvar="TIEBACK_COLLECTION",
        metavar="NAME",
        help=f"The collection. [TIEBACK_COLLECTION; {DEFAULT_COLLECTION}]",
    )(function)


def set_option(of: str) -> Callable[[F], F]:
    """The option for parameters of a method that another option names."""
    return click.option(
        "--set",
        "parameters",
        metavar="NAME=VALUE",
        multiple=True,
        help=f"A parameter of the {of}; may be repeated.",
    )


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
