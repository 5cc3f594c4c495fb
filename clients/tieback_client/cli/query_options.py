"""Options of a query, for commands that search or answer, and of how a collection's queries are answered."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from tieback_client.cli.connection import FILE, collection_option, parse_weights
from tieback_client.cli.feature_options import feature_option, features_of
from tieback_client.cli.output import Output
from tieback_client.control_characters import in_a_line
from tieback_client.events import MethodLike

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[Any], Any]

_PLAN: list[Option] = [
    click.option("--hybrid/--no-hybrid", default=None, help="Search the full text too. [the server's]"),
    click.option(
        "--vector-search",
        metavar="METHOD[:NAME=X]",
        help="How far the vector is searched for: nearest, exact, within:similarity=0.5, "
        "coarse_to_fine:breadth=4, wanted_recall:recall=0.99, time_budget:milliseconds=5, or none for "
        "words alone. [the server's]",
    ),
    click.option(
        "--balance/--no-balance",
        default=None,
        help="Keep one modality from hiding the others. [the server's]",
    ),
    click.option(
        "--collapse/--every-piece",
        default=None,
        help="Show the pieces of a short text as one hit, or each as a hit. [the server's]",
    ),
    click.option(
        "--feedback",
        metavar="METHOD",
        help="Search again with the query expanded by its best hits: rocchio, or none. [the server's]",
    ),
    click.option(
        "--rank",
        "ranker",
        metavar="METHOD",
        help="Order the hits by a learned ranking: linear, or none. [the server's]",
    ),
    click.option(
        "--diversity",
        type=click.FloatRange(0, 1),
        metavar="X",
        help="Prefer hits that are unlike those before them, 0 to 1; not with --rerank. [the server's]",
    ),
    click.option(
        "--per-item",
        type=click.IntRange(0, 1000),
        metavar="N",
        help="The largest number of hits of one item; 0 is any number. [the server's]",
    ),
    click.option(
        "--documents/--sections",
        default=None,
        help="Rank whole documents and show the best section of each, or rank sections. [the server's]",
    ),
    click.option(
        "--rerank",
        metavar="METHOD",
        help="The reranking method, or none. [the server's]",
    ),
]
_QUERY: list[Option] = [
    click.argument("words", nargs=-1),
    click.option(
        "--image",
        type=FILE,
        multiple=True,
        metavar="FILE",
        help="A photo to search with; with words, both count.",
    ),
    click.option("--audio", type=FILE, multiple=True, metavar="FILE", help="A sound to search with."),
    click.option("--points", type=FILE, multiple=True, metavar="FILE", help="A point cloud to search with."),
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
        "--every-copy",
        is_flag=True,
        help="Show each copy of a text as a hit, and not one that names the other items.",
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
    *_PLAN,
    click.option(
        "--min-relevance",
        type=click.FloatRange(0, 1),
        default=0.0,
        metavar="X",
        help="Leave out hits of lower relevance, 0 to 1; in the joint space only.",
    ),
]


@dataclass(frozen=True, slots=True)
class Query:
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
        from tieback_client.content import Audio, Image, Points

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

        from tieback_client.content import modality_of_path

        options = {Modality.IMAGE: "--image", Modality.AUDIO: "--audio", Modality.POINTS: "--points"}
        for word in self.words:
            option = options.get(modality_of_path(Path(word)) or Modality.TEXT)
            if option is not None and Path(word).is_file():
                output.note(f"{in_a_line(word)} is searched as text; to search by the file, use {option}")


def plan_options(function: F) -> F:
    """Adds the options that a collection can choose for its queries; the function gets `plan`, by name."""
    return _added(_PLAN, _with_plan(function))


def query_options(function: F) -> F:
    """Adds the options of a query, those of its plan among them; the function gets a `Query`."""

    @functools.wraps(function)
    def command(
        *,
        words: tuple[str, ...],
        image: tuple[Path, ...],
        audio: tuple[Path, ...],
        points: tuple[Path, ...],
        features: tuple[str, ...],
        collection: str,
        limit: int,
        filter: str,
        modality: str | None,
        weights: str | None,
        policy: str | None,
        imputation: str | None,
        min_relevance: float,
        every_copy: bool,
        plan: dict[str, Any],
        **options: Any,
    ) -> Any:
        arguments = {
            "limit": limit,
            "filter": _with_modality(filter, modality),
            "weights": parse_weights(weights, policy),
            "imputation": imputation,
            "min_relevance": min_relevance,
            "every_copy": every_copy,
            **plan,
        }
        query = Query(words, image, audio, points, features, collection, arguments)
        return function(query=query, **options)

    return _added(_QUERY, _with_plan(command))  # type: ignore[return-value]  # click gives it other parameters


def _with_plan(function: F) -> F:
    @functools.wraps(function)
    def command(
        *,
        hybrid: bool | None,
        vector_search: str | None,
        balance: bool | None,
        collapse: bool | None,
        feedback: str | None,
        ranker: str | None,
        diversity: float | None,
        per_item: int | None,
        documents: bool | None,
        rerank: str | None,
        **options: Any,
    ) -> Any:
        said = {
            "hybrid": hybrid,
            "vector_search": _method(vector_search),
            "balance": balance,
            "collapse": collapse,
            "query_expansion": _method(feedback),
            "ranker": _method(ranker),
            "diversity": diversity,
            "hits_per_item": per_item,
            "granularity": None if documents is None else "document" if documents else "section",
            "reranker": _method(rerank),
        }
        return function(plan={name: value for name, value in said.items() if value is not None}, **options)

    return command  # type: ignore[return-value]  # click gives it other parameters than it has


def _added(options: Sequence[Option], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def _method(text: str | None) -> MethodLike | None:
    """A method with its parameters, as in "within:similarity=0.5"; values are JSON, or else texts."""
    if text is None:
        return None
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
    return (name, parameters)


def _with_modality(filter: str, modality: str | None) -> str:
    """The filter, narrowed to one modality."""
    if modality is None:
        return filter
    own = f'modality = "{modality}"'
    return f"({filter}) AND {own}" if filter else own
