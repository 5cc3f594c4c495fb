"""Options of a query, for commands that search or answer, and of how a collection's queries are answered."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from tieback_contract import query as contract
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import QueryOptions

from tieback_client.cli.connection import COLLECTION, parse_weights
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import FILE, Decorator, OptionGroup, group, option
from tieback_client.control_characters import in_a_line


def _option(one: contract.Option) -> Decorator:
    """The option of the command line for an option of a query."""
    flag, help = f"--{one.name.replace('_', '-')}", f"{one.description.replace('`', '')} [the server's]"
    if one.kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", default=None, help=help)
    if one.kind is MethodChoice:
        return click.option(flag, type=_method, metavar="METHOD[:NAME=X,…]", help=help)
    if one.kind is Sequence:
        return click.option(flag, type=_method, multiple=True, metavar="STAGE[:NAME=X,…]", help=help)
    if one.kind is Mapping:
        return click.option(flag, type=_numbers, metavar="NAME=X,…", help=help)
    if issubclass(one.kind, enum.Enum):
        return click.option(flag, type=click.Choice([member.value for member in one.kind]), help=help)
    if one.range is None:
        return click.option(flag, metavar="NAME", help=help)
    least, most = one.range
    if one.kind is int:
        return click.option(flag, type=click.IntRange(int(least), int(most)), metavar="N", help=help)
    return click.option(flag, type=click.FloatRange(least, most), metavar="X", help=help)


def _method(text: str) -> MethodChoice:
    """A method with its parameters, as in "within:similarity=0.5"; values are JSON, or else texts."""
    name, _, rest = text.partition(":")
    if "=" in name:
        raise click.UsageError(f"{text!r} is no method; parameters stand after a colon: METHOD:NAME=VALUE")
    parameters: dict[str, object] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise click.UsageError(f"{part!r} has no value; write {name}:{part}=VALUE")
        try:
            parameters[key] = json.loads(value)
        except ValueError:
            parameters[key] = value
    return MethodChoice(name, parameters)


def _numbers(text: str) -> dict[str, float]:
    """Numbers by names, as in "search=0.3,rerank=0.5"."""
    found = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise click.UsageError(f"{part!r} is no name with a number; write NAME=X") from None
    return found


FEATURES: Any = option(
    "A categorical feature, of a space of such; several values of a name may be given.",
    "NAME=VALUE",
    flags="--feature",
)


def features_of(given: tuple[str, ...]) -> list[Any]:
    """The one content that all options together are; none where there is no option."""
    from tieback_client.values.content import Features

    values: dict[str, list[str]] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals or not value:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="--feature")
        values.setdefault(name, []).append(value)
    return [Features(values)] if values else []


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """What the options say. `arguments` are those of `Client.retrieve` and `Client.answer`, by name."""

    words: tuple[str, ...]
    image: tuple[Path, ...]
    audio: tuple[Path, ...]
    points: tuple[Path, ...]
    features: tuple[str, ...]
    collection: str
    arguments: dict[str, Any]

    def contents(self) -> list[Any]:
        """Its parts, with the files read; a usage error where there is none."""
        from tieback_client.values.content import Audio, Image, Points

        parts: list[Any] = [" ".join(self.words)] if self.words else []
        parts += [Image.from_file(one) for one in self.image]
        parts += [Audio.from_file(one) for one in self.audio]
        parts += [Points.from_file(one) for one in self.points]
        parts += features_of(self.features)
        if not parts:
            raise click.UsageError("Give a query: words, --image, --audio, --points or --feature.")
        return parts

    def note_files(self, output: Output) -> None:
        """Warns that the name of a photo or a sound was read as words."""
        from tieback_contract.modality import Modality

        from tieback_client.values.content import modality_of_path

        options = {Modality.IMAGE: "--image", Modality.AUDIO: "--audio", Modality.POINTS: "--points"}
        for word in self.words:
            option = options.get(modality_of_path(Path(word)) or Modality.TEXT)
            if option is not None and Path(word).is_file():
                output.note(f"{in_a_line(word)} is searched as text; to search by the file, use {option}")


PLAN: Any = OptionGroup(QueryOptions.of, {one.name: _option(one) for one in contract.OPTIONS})
"""The options of a query that a collection can choose for its queries."""


def _asked(
    words: tuple[str, ...],
    image: tuple[Path, ...] = option("A photo to search with; with words, both count.", "FILE", type=FILE),
    audio: tuple[Path, ...] = option("A sound to search with.", "FILE", type=FILE),
    points: tuple[Path, ...] = option("A point cloud to search with.", "FILE", type=FILE),
    features: tuple[str, ...] = FEATURES,
    collection: str = COLLECTION,
    limit: int = option(
        "The largest number of hits. [10]", "N", flags="-n --limit", least=1, most=100, default=10
    ),
    filter: str = option(
        "Only what matches, e.g. 'year >= 1990 AND NOT draft'; see docs/search.md#filters.", "EXPRESSION"
    ),
    modality: str | None = option(
        "Only this modality.", type=click.Choice(["text", "image", "audio", "points", "features"])
    ),
    weights: str | None = option("Weights of the spaces, instead of the server's routing.", "SPACE=W,…"),
    policy: str | None = option("The routing method that weights the spaces, e.g. uniform.", "METHOD"),
    imputation: str | None = option(
        "How the block of a missing space is imputed, e.g. ridge. [as bound]", "METHOD"
    ),
    plan: QueryOptions = PLAN,
) -> AskedQuery:
    """Make of options what is searched for, and how."""
    arguments = {
        "limit": limit,
        "filter": _with_modality(filter, modality),
        "weights": parse_weights(weights, policy),
        "imputation": imputation,
        **plan.chosen(),
    }
    return AskedQuery(words, image, audio, points, features, collection, arguments)


QUERY: Any = group(_asked)


def _with_modality(filter: str, modality: str | None) -> str:
    """The filter, narrowed to one modality."""
    if modality is None:
        return filter
    own = f'modality = "{modality}"'
    return f"({filter}) AND {own}" if filter else own
