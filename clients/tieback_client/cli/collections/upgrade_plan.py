"""`tieback upgrade plan`: what moving a collection to another space is worth, and by which way."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tieback_client.cli.collections.following import duration, follow, tell_started
from tieback_client.cli.connection import Command, connected, parse_method
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.values.upgrades import (
    CompatibilityMatrix,
    JudgedQuery,
    MeasuredNumber,
    Recall,
    UpgradePlan,
)

REVISION = 8
"""Letters of a revision that tell two apart."""


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
    "--floor", default=0.0, metavar="SHARE", help="Refuse translation that keeps less of nDCG. [0.8]"
)
@click.option(
    "--earlier",
    multiple=True,
    metavar="SPACE",
    help="A space that the collection was in before; the first one first. Compared in the matrix.",
)
@click.option("--policy", metavar="NAME", help="Try this policy alone. [those that need no training]")
@click.option("--parameter", multiple=True, metavar="NAME=VALUE", help="A parameter of the policy.")
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
    else:
        output.table(["", ""], [[key, value] for key, value in facts_of(result).items()])
        output.table(
            ["policy", "keeps, stored translated", "keeps, queries led", "without the old model", ""],
            [
                [
                    one.policy,
                    "" if one.translated is None else _number(one.translated.kept),
                    _number(one.led.kept),
                    "stored translated" if one.translates_stored else "queries led",
                    "refused: below the floor" if one.refused else "",
                ]
                for one in result.policies
            ],
        )
        output.table(
            ["re-embedded", "both models", "without the old one"],
            [
                [
                    f"{one.share:.0%}",
                    f"{one.both:.3f}",
                    f"{one.translated:.3f}",
                ]
                for one in result.curve
            ],
        )
        output.table(*matrix_of(result.matrix))


def matrix_of(matrix: CompatibilityMatrix) -> tuple[list[str], list[list[str]]]:
    """nDCG@10 by the revision of queries, in rows, and of stored vectors."""
    names = [f"{one.name}@{one.revision[:REVISION]}" for one in matrix.spaces]
    rows = [[name, *[""] * len(names)] for name in names]
    for one in matrix.cells:
        rows[one.query][one.gallery + 1] = f"{one.ndcg.value:.3f}"
    return ["queries by, vectors by", *names], rows


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


def facts_of(result: UpgradePlan) -> dict[str, str]:
    """What an upgrade learned and what it is worth, in words."""
    advice = "unknown to this version" if result.advice is None else result.advice.value
    return {
        "advice": f"{advice}: {result.reason}",
        "nDCG@10 today": _number(result.old.ndcg),
        "nDCG@10 re-embedded": _number(result.reembedded.ndcg),
        "gain": _number(result.gain),
        "today, of re-embedded": _number(result.old.kept),
        "compatibility": f"AC {result.matrix.average_compatibility:.2f}, "
        f"AA {result.matrix.average_accuracy:.3f}",
        "tried by": f"{result.judged} judged queries" if result.judged else "the collection's own contents",
        **_encoding(result),
        "translating all": duration(result.translate_all_seconds),
        "from": str(result.old_space),
        "to": str(result.new_space),
        "transform": f"{result.artifact}, by {result.policy}, {result.width} dimensions",
        "learned from": f"{result.trained} contents; {result.left_out} sections left out",
        "recall@1 old/old": _share(result.old_old),
        "recall@1 new/old": _share(result.new_old),
        "recall@1 new/new": _share(result.new_new),
        "recall@1 new as it is": _share(result.native),
        "encoding took": duration(result.encoding_seconds),
        "training took": duration(result.training_seconds),
    }


def _encoding(result: UpgradePlan) -> dict[str, str]:
    """What has to be encoded, and what stays."""
    took = duration(result.encode_all_seconds)
    if not result.staying_items:
        return {"encoding all": f"{result.sections} sections, about {took}"}
    return {
        "stays as it is": f"{result.staying_items} of {result.items} items, "
        f"{result.staying_sections} of {result.sections} sections",
        "encoding the rest": f"{result.sections - result.staying_sections} sections, about {took}",
    }


def _number(measured: MeasuredNumber) -> str:
    return f"{measured.value:.3f} ({measured.low:.3f} to {measured.high:.3f})"


def _share(recall: Recall) -> str:
    return f"{recall.value:.3f} ({recall.low:.3f} to {recall.high:.3f})"
