"""`tieback train`: runs a training recipe, and prints what it measured and how to serve the result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from tieback_client import Client
from tieback_client import TiebackError as ClientError
from tieback_client.cli.output import SafeConsole, say
from tieback_client.cli.parameters import AS_JSON, FOLDER, TARGET, declared, option

from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput, Unavailable
from tieback.models.store import Store
from tieback.recipes.export import check_packages
from tieback.recipes.trained import describe
from tieback.serving.commands.explained import explained
from tieback.serving.commands.judged_queries import candidates_of, read_judgements
from tieback.serving.commands.pull_progress import PullProgress
from tieback.serving.settings import load_settings
from tieback.serving.settings.precisions import at_chosen_precisions

METADATA = "metadata"
"""The parameter of recipes that --signal adds to."""


@click.command()
@declared
def train(
    name: str,
    assignments: tuple[str, ...] = option(
        "A parameter of the recipe; may be repeated. `tieback recipes` lists them. A list: KEY=64,128.",
        "KEY=VALUE",
        flags="--set",
    ),
    data: tuple[Path, ...] = option("A file or a folder of training data; may be repeated."),
    judgements: tuple[Path, ...] = option(
        "Judged queries or clicks (JSONL, see docs/recipes.md), for which a running server is asked for "
        "candidates; may be repeated.",
        "FILE",
        type=TARGET,
    ),
    signals: tuple[str, ...] = option(
        "Of the ranker: learn from this field of metadata too, a number or a time, more of which never "
        "lowers a score; after KEY=any it may. May be repeated.",
        "KEY",
        flags="--signal",
    ),
    server: str | None = option(
        "The server that --judgements are asked of. [TIEBACK_SERVER; localhost:50051]",
        "ADDRESS",
        envvar="TIEBACK_SERVER",
    ),
    token: str | None = option("Its token. [TIEBACK_TOKEN]", "TOKEN", envvar="TIEBACK_TOKEN"),
    output: Path = option("The folder where the result is written.", type=FOLDER, required=True),
    as_json: bool = AS_JSON,
) -> None:
    """Run a training recipe: `tieback recipes` lists them.

    An interrupted run continues where it stopped. The result is an artifact: a folder named by a hash over
    its content, with a report.
    """
    with explained():
        schema = describe(name).schema
        parameters = assigned(assignments, schema)
        if signals:
            if METADATA not in schema.get("properties", {}):
                raise InvalidInput(f"the recipe {name} reads no signals: leave --signal out", field="signal")
            parameters[METADATA] = [*parameters.get(METADATA, ()), *signals]
        check_packages("training")
        if judgements:
            data = (*data, asked(judgements, server, token, output))
        from tieback.recipes.train import train as run  # with PyTorch

        settings = load_settings()
        catalog = Catalog.load(settings.cards)
        with PullProgress() as progress:
            outcome = run(
                name,
                parameters,
                cards=at_chosen_precisions(catalog.encoders(), settings.precision, settings.provider),
                store=Store(settings.models),
                data=data,
                output=output,
                say=progress.tell,
                generators=catalog.generators(),
            )
    artifact = outcome.artifact
    if as_json:
        found = {
            "recipe": name,
            "kind": artifact.kind.name,
            "revision": artifact.revision,
            "folder": str(outcome.folder),
            "card": None if outcome.card is None else str(outcome.card),
            "seconds": round(outcome.seconds, 1),
            "steps": {"computed": len(outcome.made), "found": len(outcome.found)},
            "metrics": artifact.facts["metrics"],
            "provenance": artifact.provenance,
        }
        click.echo(json.dumps(found, indent=2))
        return
    for title, rows in outcome.learned.report.items():
        _show(title, rows)
    say(f"Learned in {outcome.seconds:.0f} s: {artifact.revision}, in {outcome.folder}")
    if outcome.card is not None:
        cards, model = outcome.card.parent, outcome.card.stem
        say(f"To serve it: export TIEBACK_CARDS={cards}; tieback models pull {model}; tieback serve")


def asked(judgements: Sequence[Path], server: str | None, token: str | None, output: Path) -> Path:
    """The file with the candidates of all judged queries, asked of a server.

    InvalidInput where a judgement is not as it should be; Unavailable where the server does not answer.
    """
    queries = [query for path in judgements for query in read_judgements(path)]
    output.mkdir(parents=True, exist_ok=True)
    path = output / "candidates.jsonl"
    try:
        with Client(server, token=token) as client:
            lines = list(candidates_of(client, queries, say))
    except ClientError as error:
        raise Unavailable(f"the server did not give candidates: {error.message}") from error
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def assigned(assignments: Sequence[str], schema: Mapping[str, Any], option: str = "set") -> dict[str, Any]:
    """The parameters of ``KEY=VALUE``, whose values are JSON of a mapping and lie between commas of a list.

    Which are which, the schema knows. InvalidInput where one has no ``=``, is given twice, or is no JSON. The
    recipe decides what a value may be.
    """
    found: dict[str, Any] = {}
    for one in assignments:
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise InvalidInput(f"--{option} takes KEY=VALUE, not {one!r}", field=option)
        if key in found:
            raise InvalidInput(f"--{option} {key} is given twice", field=option)
        kind = schema.get("properties", {}).get(key, {}).get("type")
        if kind == "object":
            found[key] = _mapping(key, value)
        else:
            found[key] = [part for part in value.split(",") if part] if kind == "array" else value
    return found


def _mapping(key: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise InvalidInput(
            f'--set {key} takes JSON, for instance {key}={{"NAME": 2}}, not {value!r}', field="set"
        ) from None


def _show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    SafeConsole().print(table)
