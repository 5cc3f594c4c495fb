"""`tieback upgrade plan`: what moving a collection to another space is worth, and by which way."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.text import Text

from tieback_client.cli.collections.following import follow, tell_started
from tieback_client.cli.connection import Command, connected, parse_method
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.shown.durations import duration
from tieback_client.shown.upgrade_plans import COLUMNS, MEANING, REVISION, shown_plan
from tieback_client.values.upgrades import (
    CompatibilityMatrix,
    JudgedQuery,
    MeasuredNumber,
    Recall,
    UpgradePlan,
)


@click.command(
    "plan",
    cls=Command,
    epilog="""\b
Examples:
  tieback upgrade plan handbook --to paraphrase-minilm-l3-v2
  tieback upgrade plan handbook --to paraphrase-minilm-l3-v2 --queries judged.jsonl
  tieback upgrade plan digits --policy oca --to strokes-v2 --labels digit --parameter extra=64
  tieback upgrade plan handbook --detach       start it, and follow it with `tieback operations`

\b
Contents of the collection are encoded in both spaces. Policies learn from most of them how vectors of
both compare; searches are tried on the others. The collection stays as it is. The server runs it as an
operation, which continues if this command is interrupted or the server restarts.
""",
)
@click.argument("collection")
@click.option(
    "--to",
    "space",
    default="",
    metavar="SPACE",
    help="The space that is to take the place of the collection's own. [the served revision of its own]",
)
@click.option(
    "--labels",
    default="",
    metavar="FIELD",
    help="The field of the items' metadata that says their class. [texts are compared by their halves]",
)
@click.option("--items", default=0, metavar="NUMBER", help="Learn from at most so many items. [2000]")
@click.option(
    "--queries",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Judged queries, a JSON object a line: text, and judgements: grades by the ids of items.",
)
@click.option(
    "--floor",
    default=0.0,
    metavar="SHARE",
    help="Without the old model, what must be kept of the quality of searches. [0.8]",
)
@click.option(
    "--earlier",
    multiple=True,
    metavar="SPACE",
    help="A space that the collection was in before; the first one first. --verbose compares it.",
)
@click.option("--policy", metavar="NAME", help="Try this policy alone. [those that need no training]")
@click.option("--parameter", multiple=True, metavar="NAME=VALUE", help="A parameter of the policy.")
@click.option("--verbose", is_flag=True, help="Show all that was measured.")
@click.option("--detach", is_flag=True, help="Start it and return; `tieback operations` follows it.")
@connected
def plan(
    client: Client,
    output: Output,
    collection: str,
    space: str,
    labels: str,
    items: int,
    queries: Path | None,
    floor: float,
    earlier: tuple[str, ...],
    policy: str | None,
    parameter: tuple[str, ...],
    verbose: bool,
    detach: bool,
) -> None:
    """Measure what moving a collection to another space is worth, and by which way."""
    operation = client.plan_upgrade(
        collection,
        space=space,
        policy=parse_method(policy, parameter, "--policy", "--parameter"),
        labels=labels,
        items=items,
        queries=() if queries is None else judged(queries),
        floor=floor,
        earlier=earlier,
    )
    if detach:
        tell_started(output, operation)
        return
    follow(output, operation)
    result = operation.result()
    if output.json:
        output.document({"operation": operation.id, "collection": collection, "result": result})
        return
    tell(output, collection, result)
    if verbose:
        for heading, columns, rows in measured(result):
            output.show("")
            output.line(Text(heading, style="bold"))
            output.table(columns, rows, headed=True)


def tell(output: Output, collection: str, result: UpgradePlan) -> None:
    """Shows a plan to somebody who has read nothing about upgrades."""
    shown = shown_plan(collection, result)
    output.line(Text(shown.advice, style="bold"))
    for one in shown.reasons:
        output.show("")
        output.line(Text(one))
    output.show("")
    output.table(COLUMNS, shown.ways, right=(1,), headed=True)
    for one in MEANING:
        output.line(Text(one, style="dim"))
    output.show("")
    for purpose, command in shown.commands:
        output.line(Text.assemble(f"{purpose}: ", (command, "bold")))


def measured(result: UpgradePlan) -> list[tuple[str, list[str], list[list[str]]]]:
    """All that was measured, in tables with their headings."""
    return [
        (
            "Without the old model: the share of re-embedded nDCG@10 that is kept, with 95 % intervals",
            ["policy", "stored vectors translated", "queries led to them", "by", ""],
            [
                [
                    one.policy,
                    "cannot" if one.translated is None else _number(one.translated.kept),
                    _number(one.led.kept),
                    "stored vectors" if one.translates_stored else "queries",
                    "refused" if one.refused else "",
                ]
                for one in result.policies
            ],
        ),
        (
            "On the way: nDCG@10 by the share of items in the new space",
            ["re-embedded", "both models", "without the old one"],
            [[f"{one.share:.0%}", f"{one.both:.3f}", f"{one.translated:.3f}"] for one in result.curve],
        ),
        (
            f"First hits: the share that is right (recall@1), by {result.policy}, with 95 % intervals",
            ["queries", "stored vectors", "share"],
            [
                ["old", "old, as today", _number(result.old_old)],
                ["new, led into the old space", "old", _number(result.new_old)],
                ["new, transformed", "new, transformed", _number(result.new_new)],
                ["new", "new, re-embedded", _number(result.native)],
            ],
        ),
        _revisions(result.matrix),
        ("How it was measured", ["", ""], [[key, value] for key, value in _facts(result).items()]),
    ]


def _revisions(matrix: CompatibilityMatrix) -> tuple[str, list[str], list[list[str]]]:
    """nDCG@10 by the revision of queries, in rows, and of stored vectors."""
    names = [f"{one.name}@{one.revision[:REVISION]}" for one in matrix.spaces]
    rows = [[name, *[""] * len(names)] for name in names]
    for one in matrix.cells:
        rows[one.query][one.gallery + 1] = f"{one.ndcg.value:.3f}"
    heading = (
        "Revisions: nDCG@10 of queries of a row among vectors of a column. The later one finds more in "
        f"{matrix.average_compatibility:.0%} of pairs (AC); the mean is {matrix.average_accuracy:.3f} (AA)"
    )
    return heading, ["queries by", *names], rows


def judged(path: Path) -> list[JudgedQuery]:
    """The queries of a file; those without a grade above 0 are left out. UsageError names a wrong line."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            grades = {str(item): int(grade) for item, grade in row["judgements"].items() if grade > 0}
            text = row["text"]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise click.UsageError(
                f"line {number} of {path.name} is no judged query; one is: "
                '{"text": "how are wings cooled", "judgements": {"doc-7": 3}}'
            ) from None
        if grades:
            found.append(JudgedQuery(text, grades))
    return found


def _facts(result: UpgradePlan) -> dict[str, str]:
    """What the plan was made of."""
    return {
        "reason": result.reason,
        "gain in nDCG@10": _number(result.gain),
        "from": str(result.old_space),
        "to": str(result.new_space),
        "transform": f"{result.artifact}, by {result.policy}, {result.width} dimensions",
        "learned from": f"{result.trained} contents; measured on {result.held_out}",
        "encoding took": duration(result.encoding_seconds),
        "training took": duration(result.training_seconds),
    }


def _number(measured: MeasuredNumber | Recall) -> str:
    return f"{measured.value:.3f} ({measured.low:.3f} to {measured.high:.3f})"
