"""`tieback train`: runs a training recipe, and prints what it measured and how to serve the result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from tieback_client.cli.output import SafeConsole, say

from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput
from tieback.models.store import Store
from tieback.recipes.packages import check_packages
from tieback.recipes.trained import describe
from tieback.serving.commands.explained import explained
from tieback.serving.commands.pull_progress import PullProgress
from tieback.serving.precisions import at_chosen_precisions
from tieback.serving.settings import load_settings


@click.command()
@click.argument("name")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of the recipe; may be repeated. `tieback recipes` lists them. A list: KEY=64,128.",
)
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file or a folder of training data; may be repeated.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder where the result is written.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def train(
    name: str, assignments: tuple[str, ...], data: tuple[Path, ...], output: Path, as_json: bool
) -> None:
    """Run a training recipe: `tieback recipes` lists them.

    An interrupted run continues where it stopped. The result is an artifact: a folder named by a hash over
    its content, with a report.
    """
    with explained():
        parameters = assigned(assignments, describe(name).schema)
        check_packages("training")
        from tieback.recipes.train import train as run  # with PyTorch

        settings = load_settings()
        encoders = Catalog.load(settings.cards).encoders()
        with PullProgress() as progress:
            outcome = run(
                name,
                parameters,
                cards=at_chosen_precisions(encoders, settings.precision, settings.provider),
                store=Store(settings.models),
                data=data,
                output=output,
                say=progress.tell,
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


def assigned(assignments: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of ``KEY=VALUE``, whose values are JSON of a mapping and lie between commas of a list.

    Which are which, the schema knows. InvalidInput where one has no ``=``, is given twice, or is no JSON. The
    recipe decides what a value may be.
    """
    found: dict[str, Any] = {}
    for one in assignments:
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise InvalidInput(f"--set takes KEY=VALUE, not {one!r}", field="set")
        if key in found:
            raise InvalidInput(f"--set {key} is given twice", field="set")
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
