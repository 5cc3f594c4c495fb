"""`tieback upgrade plan`: what moving a collection to another space is worth, and by which way."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.text import Text
from tieback_contract.operations import JudgedQuery

from tieback_client.cli.collections.following import follow, tell_started
from tieback_client.cli.connection import command, parse_method
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import FILE, option
from tieback_client.client import Client
from tieback_client.shown.durations import duration
from tieback_client.shown.upgrade_plans import COLUMNS, MEANING, REVISION, shown_plan
from tieback_client.values.upgrades import (
    MeasuredNumber,
    Recall,
    UpgradePlan,
)


@command(
    "plan",
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
def plan(
    client: Client,
    output: Output,
    collection: str,
    space: str = option(
        "The space that is to take the place of the collection's own. [the served revision of its own]",
        "SPACE",
        flags="--to",
    ),
    labels: str = option(
        "The field of the items' metadata that says their class. [texts are compared by their halves]",
        "FIELD",
    ),
    items: int = option("Learn from at most so many items. [2000]", "NUMBER", default=0),
    queries: Path | None = option(
        "Judged queries, a JSON object a line: text, and judgements: grades by the ids of items.",
        "FILE",
        type=FILE,
    ),
    floor: float = option(
        "Without the old model, what must be kept of the quality of searches. [0.8]", "SHARE", default=0.0
    ),
    earlier: tuple[str, ...] = option(
        "A space that the collection was in before; the first one first. --verbose compares it.", "SPACE"
    ),
    policy: str | None = option("Try this policy alone. [those that need no training]", "NAME"),
    parameter: tuple[str, ...] = option("A parameter of the policy.", "NAME=VALUE"),
    verbose: bool = option("Show all that was measured."),
    detach: bool = option("Start it and return; `tieback operations` follows it."),
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
        output.show("")
        output.table(["measured", "number", "95 % interval"], measured(result), headed=True)


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
    for purpose, typed in shown.commands:
        output.line(Text.assemble(f"{purpose}: ", (typed, "bold")))


def measured(result: UpgradePlan) -> list[list[str]]:
    """All that was measured: what, the number, and its interval."""
    names = [f"{one.name} {one.revision[:REVISION]}" for one in result.matrix.spaces]
    found: list[tuple[str, MeasuredNumber | Recall]] = [
        ("nDCG@10, gain when all is encoded again", result.gain),
        *(
            (f"share of nDCG@10 kept by {one.policy}: {way}", worth.kept)
            for one in result.policies
            for way, worth in (("vectors translated", one.translated), ("queries led", one.led))
            if worth is not None
        ),
        *(
            (f"nDCG@10, queries of {names[one.query]} among vectors of {names[one.gallery]}", one.ndcg)
            for one in result.matrix.cells
        ),
        ("recall@1, queries and vectors of the old space", result.old_old),
        (f"recall@1, queries led by {result.policy} among old vectors", result.new_old),
        (f"recall@1, queries and vectors transformed by {result.policy}", result.new_new),
        ("recall@1, queries and vectors of the new space", result.native),
    ]
    return [
        *([name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}"] for name, one in found),
        *(
            [f"nDCG@10, {one.share:.0%} encoded again{without}", f"{number:.3f}", ""]
            for one in result.curve
            for without, number in (("", one.both), (", without the old model", one.translated))
        ),
        [
            "share of pairs in which the later revision finds more",
            f"{result.matrix.average_compatibility:.2f}",
            "",
        ],
        ["mean nDCG@10 of all pairs", f"{result.matrix.average_accuracy:.3f}", ""],
        ["contents learned from", str(result.trained), ""],
        ["contents measured on", str(result.held_out), ""],
        ["time of encoding the sample", duration(result.encoding_seconds), ""],
        ["time of learning", duration(result.training_seconds), ""],
        [f"transform, of {result.width} dimensions", result.artifact, ""],
    ]


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
