"""`tieback upgrade`: moves a collection to another space while it is read in both."""

from __future__ import annotations

from pathlib import Path

import click

from tieback_client.cli.collections.following import follow, tell_started
from tieback_client.cli.collections.upgrade_plan import plan
from tieback_client.cli.connection import command
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import TARGET, option
from tieback_client.client import Client
from tieback_client.transport.operation import Operation
from tieback_client.values.documents import Collection
from tieback_client.values.upgrades import UpgradeResult

LISTED = 10


@click.group()
def upgrade() -> None:
    """Move a collection to another space while both are searched."""


upgrade.add_command(plan)


@command(
    "start",
    of=upgrade,
    epilog="""\b
Examples:
  tieback upgrade start handbook --to paraphrase-minilm-l3-v2
  tieback upgrade start handbook --to all-mpnet-base-v2 --detach
  tieback upgrade status handbook

\b
Sections get vectors of the new space one after the other, those that are found most first. Until they have
them, they are searched by their old vectors. When all are done, `tieback upgrade finish` drops the old
vectors, and until then `tieback upgrade rollback` drops the new ones. The server runs it as an operation,
which continues if this command is interrupted or the server restarts.
""",
)
def start(
    client: Client,
    output: Output,
    collection: str,
    space: str = option(
        "The space that is to take the place of the collection's own. [the served revision of its own]",
        "SPACE",
        flags="--to",
    ),
    least_trust: float | None = option(
        "Where the old encoder is gone, what its translation must keep. [0.8]", "SHARE", least=0, most=1
    ),
    detach: bool = option("Start it and return; `tieback operations` follows it."),
) -> None:
    """Begin to encode a collection in a new space."""
    _followed(output, collection, client.upgrade(collection, space=space, least_trust=least_trust), detach)


@command("resume", of=upgrade)
def resume(
    client: Client,
    output: Output,
    collection: str,
    detach: bool = option("Start it and return; `tieback operations` follows it."),
) -> None:
    """Go on with an upgrade that is paused, or that left items out."""
    _followed(output, collection, client.resume_upgrade(collection), detach)


@command("status", of=upgrade)
def status(client: Client, output: Output, collection: str) -> None:
    """Show how far an upgrade is."""
    _tell(output, client.get_collection(collection))


@command("pause", of=upgrade)
def pause(client: Client, output: Output, collection: str) -> None:
    """Encode no more for now; the collection is searched as it is."""
    _tell(output, client.pause_upgrade(collection))


@command("cancel", of=upgrade)
def cancel(client: Client, output: Output, collection: str) -> None:
    """End a running upgrade, and drop what it made."""
    _tell(output, client.rollback_upgrade(collection))


@command("rollback", of=upgrade)
def rollback(client: Client, output: Output, collection: str) -> None:
    """Return to the old space, with all that was written meanwhile."""
    _tell(output, client.rollback_upgrade(collection))


@command("finish", of=upgrade)
def finish(
    client: Client,
    output: Output,
    collection: str,
    drop_missing: bool = option("Drop items that have no vectors in the new space."),
    yes: bool = option("Do not ask for confirmation."),
) -> None:
    """Drop the old vectors; afterwards there is no way back."""
    moving = client.get_collection(collection).moving
    if moving is not None:
        question = f"Drop the old vectors of {collection}, and keep those of {moving.space}?"
        output.agree(yes, question, "Nothing was dropped. --yes finishes without a question.")
    _tell(output, client.finish_upgrade(collection, drop_missing=drop_missing))


@command(
    "report",
    of=upgrade,
    epilog="""\b
Examples:
  tieback upgrade report handbook                       into upgrade-handbook.html
  tieback upgrade report handbook --output page.html

\b
The page shows the newest plan: what it is worth, the curve, policies, the compatibility matrix, cost and
advice; and how far an upgrade is. It loads nothing, so it can be sent or kept as it is.
""",
)
def report(
    client: Client,
    output: Output,
    collection: str,
    path: Path | None = option(
        "Where the page is written. [upgrade-COLLECTION.html]", "FILE", flags="--output", type=TARGET
    ),
) -> None:
    """Write a page about an upgrade, for people."""
    page = client.upgrade_report(collection)
    written = path or Path(f"upgrade-{collection.replace('/', '-')}.html")
    try:
        written.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{written} cannot be written: {error.strerror}") from None
    output.told({"collection": collection, "page": str(written)}, f"written to {written}")


def _followed(output: Output, collection: str, operation: Operation[UpgradeResult], detach: bool) -> None:
    if detach:
        tell_started(output, operation)
        return
    follow(output, operation)
    result = operation.result()
    for item, error in list(result.failures.items())[:LISTED]:
        output.note(f"{item}: {error.message}")
    record = {"operation": operation.id, "collection": collection, "result": result}
    output.described(record, facts_of(collection, result))


def facts_of(collection: str, result: UpgradeResult) -> dict[str, str]:
    """How an operation of an upgrade ended, and what is next, in words."""
    if result.over:
        following = "it was finished or rolled back"
    elif result.paused:
        following = f"paused: tieback upgrade resume {collection}"
    elif result.failure_count:
        left = "1 item" if result.failure_count == 1 else f"{result.failure_count} items"
        following = (
            f"{left} cannot be encoded: ingest again, or tieback upgrade finish {collection} --drop-missing"
        )
    else:
        following = _either("finish", "rollback", collection)
    stayed = f", of which {result.staying} stayed as they were" if result.staying else ""
    return {
        "from": str(result.old_space),
        "to": str(result.new_space),
        "sections with new vectors": f"{result.done} of {result.total}{stayed}",
        "next": following,
    }


def _either(one: str, other: str, collection: str) -> str:
    return f"tieback upgrade {one} {collection}, or tieback upgrade {other} {collection}"


def _tell(output: Output, found: Collection) -> None:
    """Where a collection is."""
    facts = {"collection": found.name, "space": str(found.space)}
    if (moving := found.moving) is not None:
        facts["moving to"] = str(moving.space)
        facts["sections with new vectors"] = f"{moving.done} of {moving.total} ({moving.share:.0%})"
        facts["state"] = "paused" if moving.paused else "between two spaces"
        if moving.translation:
            facts["without the old model"] = (
                f"searches keep {moving.trust:.0%} of their quality until the end"
            )
        if moving.done == moving.total:
            facts["next"] = _either("finish", "rollback", found.name)
        elif moving.paused:
            facts["next"] = _either("resume", "rollback", found.name)
    record = {"collection": found.name, "space": found.space, "moving": found.moving}
    output.described(record, facts)
