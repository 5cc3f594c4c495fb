"""`tieback upgrade plan`: learns how vectors of a new space compare with the stored ones of a collection."""

from __future__ import annotations

import click

from tieback_client.cli.connection import Command, connected, parse_method
from tieback_client.cli.following import duration, follow, tell_started
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.upgrades import Recall, UpgradePlan


@click.command(
    "plan",
    cls=Command,
    epilog="""\b
Examples:
  tieback upgrade plan handbook --to paraphrase-minilm-l3-v2
  tieback upgrade plan digits --to strokes-v2 --labels digit --parameter extra=64
  tieback upgrade plan handbook --detach       start it, and follow it with `tieback operations`

\b
Contents of the collection are encoded in both spaces. From these the server learns a transform after which
vectors of the new space compare with the stored ones, and it measures what that is worth on other items. The
collection stays as it is. The server runs it as an operation, which continues if this command is interrupted
or the server restarts.
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
@click.option("--policy", metavar="NAME", help="How the transform is learned. [oca]")
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
    policy: str | None,
    parameter: tuple[str, ...],
    detach: bool,
) -> None:
    """Learn a transform from a new space, and measure it."""
    operation = client.plan_upgrade(
        collection,
        space=space,
        policy=parse_method(policy, parameter, "--policy", "--parameter"),
        labels=labels,
        items=items,
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


def facts_of(result: UpgradePlan) -> dict[str, str]:
    """What an upgrade learned and what it is worth, in words."""
    return {
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


def _share(recall: Recall) -> str:
    return f"{recall.value:.3f} ({recall.low:.3f} to {recall.high:.3f})"
