"""The shared part of commands that call a server: options, client, layout of the help."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from tieback_client.cli.feature_options import feature_option, features_of
from tieback_client.cli.output import Failure, Output
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.errors import TiebackError, Unauthenticated
from tieback_client.events import MethodLike
from tieback_client.options import Retry
from tieback_client.writing import Granularity

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_COLLECTION = "library"
# A person who mistyped an address should not wait as long as a service whose server restarts.
CONNECT_SECONDS = 2.0

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CONNECTION: list[Callable[[Any], Any]] = [
    click.option(
        "--server",
        metavar="ADDRESS",
        envvar="TIEBACK_SERVER",
        help="The server's address. [TIEBACK_SERVER; localhost:50051]",
    ),
    click.option("--token", metavar="TOKEN", envvar="TIEBACK_TOKEN", help="Bearer token. [TIEBACK_TOKEN]"),
    click.option("--tls", is_flag=True, help="Use TLS; implied by the next three options."),
    click.option("--ca", type=_FILE, metavar="FILE", help="Trusted certificate authorities, PEM."),
    click.option("--certificate", type=_FILE, metavar="FILE", help="Client certificate for mutual TLS, PEM."),
    click.option("--key", type=_FILE, metavar="FILE", help="Private key of the certificate, PEM."),
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
class Connection:
    """How a server is reached, as the shared options say."""

    server: str | None
    token: str | None
    tls: bool
    ca: Path | None
    certificate: Path | None
    key: Path | None
    timeout: float

    def open(self) -> Client:
        """A client of the server."""
        return Client(
            self.server,
            token=self.token,
            tls=self.tls,
            ca=self.ca,
            certificate=self.certificate,
            key=self.key,
            timeout=self.timeout,
            connect_timeout=min(CONNECT_SECONDS, self.timeout),
            retry=Retry(overloads=True),
        )


def connection() -> Connection:
    """That of the command that runs."""
    found: Connection = click.get_current_context().meta[Connection.__name__]
    return found


def connected(function: F) -> F:
    """Adds the shared options; the function gets a connected client and an output first."""

    @functools.wraps(function)
    def command(
        *args: Any,
        server: str | None,
        token: str | None,
        tls: bool,
        ca: Path | None,
        certificate: Path | None,
        key: Path | None,
        timeout: float,
        as_json: bool,
        **options: Any,
    ) -> Any:
        try:
            made = Connection(server, token, tls, ca, certificate, key, timeout)
            click.get_current_context().meta[Connection.__name__] = made
            with made.open() as client:
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


def plan_options(function: F) -> F:
    """Adds the options that a collection can choose for its queries."""
    for option in reversed(_plan_options()):
        function = option(function)
    return function


def _plan_options() -> list[Callable[[Any], Any]]:
    return [
        click.option("--hybrid/--no-hybrid", default=None, help="Search the full text too. [as served]"),
        click.option(
            "--vector-search",
            metavar="METHOD[:NAME=X]",
            help="How far the vector is searched for: nearest, exact, within:similarity=0.5, "
            "coarse_to_fine:breadth=4, wanted_recall:recall=0.99, time_budget:milliseconds=5, or none for "
            "words alone. [as served]",
        ),
        click.option(
            "--balance/--no-balance",
            default=None,
            help="Keep one modality from hiding the others. [as served]",
        ),
        click.option(
            "--collapse/--every-piece",
            default=None,
            help="Show the pieces of a short text as one hit, or each as a hit. [as served]",
        ),
        click.option(
            "--feedback",
            metavar="METHOD",
            help="Search again with the query expanded by its best hits: rocchio, or none. [as served]",
        ),
        click.option(
            "--rank",
            "ranker",
            metavar="METHOD",
            help="Order the hits by a learned ranking: linear, or none. [as served]",
        ),
        click.option(
            "--diversity",
            type=click.FloatRange(0, 1),
            metavar="X",
            help="Prefer hits that are unlike those before them, 0 to 1; not with --rerank. [as served]",
        ),
        click.option(
            "--per-item",
            type=click.IntRange(0, 1000),
            metavar="N",
            help="The largest number of hits of one item; 0 is any number. [as served]",
        ),
        click.option(
            "--documents/--sections",
            default=None,
            help="Rank whole documents and show the best section of each, or rank sections. [as served]",
        ),
        click.option(
            "--rerank",
            metavar="METHOD",
            help="The reranking method, or none. [as served]",
        ),
    ]


def query_options(function: F) -> F:
    """Adds the options of a query."""
    options: list[Callable[[Any], Any]] = [
        click.option(
            "--image",
            type=_FILE,
            multiple=True,
            metavar="FILE",
            help="A photo to search with; with words, both count.",
        ),
        click.option("--audio", type=_FILE, multiple=True, metavar="FILE", help="A sound to search with."),
        click.option(
            "--points", type=_FILE, multiple=True, metavar="FILE", help="A point cloud to search with."
        ),
        feature_option,
        collection_option,
        click.option(
            "-n",
            "--limit",
            type=click.IntRange(1, 100),
            default=10,
            metavar="N",
            help="The largest number of hits. [10]",
        ),
        click.option(
            "--filter",
            default="",
            metavar="EXPRESSION",
            help="Only what matches, e.g. 'year >= 1990 AND NOT draft'; see docs/filters.md.",
        ),
        click.option(
            "--modality",
            type=click.Choice(["text", "image", "audio", "points", "features"]),
            help="Only this modality.",
        ),
        click.option(
            "--weights", metavar="SPACE=W,…", help="Weights of the spaces, instead of the server's routing."
        ),
        click.option(
            "--policy",
            metavar="METHOD",
            help="The routing method that weights the spaces, e.g. uniform or top_k.",
        ),
        click.option(
            "--imputation",
            metavar="METHOD",
            help="How the block of a missing space is imputed, e.g. ridge. [as bound]",
        ),
        *_plan_options(),
        click.option(
            "--min-relevance",
            type=click.FloatRange(0, 1),
            default=0.0,
            metavar="X",
            help="Leave out hits of lower relevance, 0 to 1; in the joint space only.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def method_of(text: str | None) -> MethodLike | None:
    """A method with its parameters, as in "within:similarity=0.5"; values are JSON, or else texts."""
    if text is None:
        return None
    name, _, rest = text.partition(":")
    parameters: dict[str, object] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise click.UsageError(f"{part!r} has no value; write {name}:{part}=VALUE")
        try:
            parameters[key] = json.loads(value)
        except ValueError:
            parameters[key] = value
    return (name, parameters)


def granularity_of(*, documents: bool | None) -> Granularity | None:
    """What is ranked; None for the server's default."""
    return None if documents is None else "document" if documents else "section"


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


def with_modality(filter: str, modality: str | None) -> str:
    """The filter, narrowed to one modality."""
    if modality is None:
        return filter
    own = f'modality = "{modality}"'
    return f"({filter}) AND {own}" if filter else own


def note_files(output: Output, words: tuple[str, ...]) -> None:
    """Warns that the name of a photo or a sound was read as words."""
    from tieback_client.content import Modality, modality_of_path

    options = {Modality.IMAGE: "--image", Modality.AUDIO: "--audio", Modality.POINTS: "--points"}
    for word in words:
        option = options.get(modality_of_path(Path(word)) or Modality.TEXT)
        if option is not None and Path(word).is_file():
            output.note(f"{in_a_line(word)} is searched as text; to search by the file, use {option}")


def query_of(
    words: tuple[str, ...],
    image: tuple[Path, ...],
    audio: tuple[Path, ...],
    points: tuple[Path, ...],
    features: tuple[str, ...],
) -> list[Any]:
    """The parts of a query; a usage error where there is none."""
    from tieback_client.content import Audio, Image, Points

    parts: list[Any] = [" ".join(words)] if words else []
    parts += [Image.from_file(one) for one in image]
    parts += [Audio.from_file(one) for one in audio]
    parts += [Points.from_file(one) for one in points]
    parts += features_of(features)
    if not parts:
        raise click.UsageError("Give a query: words, --image, --audio, --points or --feature.")
    return parts
