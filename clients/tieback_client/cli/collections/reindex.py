"""`tieback reindex`: encodes a collection again, with the models that are served now."""

from __future__ import annotations

import click
from rich.text import Text

from tieback_client.cli.collections.following import follow, tell_started
from tieback_client.cli.connection import command
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import option
from tieback_client.client import Client
from tieback_client.transport.operation import Operation
from tieback_client.values.writes import ReindexResult

LISTED = 10


@command(
    epilog="""\b
Examples:
  tieback reindex handbook
  tieback reindex album --drop-missing
  tieback reindex handbook --space all-minilm-l6-v2
  tieback reindex handbook --detach             start it, and follow it with `tieback operations`

\b
Texts are encoded from the collection itself, photos and sounds from the originals that the server kept. Until
all is encoded, the collection is read and written as before; then the new vectors replace the old ones in one
step. The server runs it as an operation, which continues if this command is interrupted or the server
restarts.
"""
)
def reindex(
    client: Client,
    output: Output,
    name: str,
    space: str = option("Encode into this space. [the served revision of the collection's own]", "SPACE"),
    drop_missing: bool = option("Drop items that cannot be encoded again, without asking."),
    detach: bool = option("Start it and return; `tieback operations` follows it."),
) -> None:
    """Encode a collection again, after its model changed."""
    operation = client.reindex(name, space=space, drop_missing=drop_missing)
    if detach:
        tell_started(output, operation)
        return
    end = _end(output, operation)
    if not end.finished and output.asks:
        _list(output, end)
        question = f"Drop {_items(end.failure_count)} and finish?"
        if output.confirm(question):
            operation = client.reindex(name, space=space, drop_missing=True)
            end = _end(output, operation)
    if output.json:
        output.document(
            {
                "operation": operation.id,
                "collection": name,
                "space": str(end.space),
                "finished": end.finished,
                "needed": end.needed,
                "items": end.done,
                "failures": {item: error.message for item, error in end.failures.items()},
                "failure_count": end.failure_count,
                "split_sections": end.split_sections,
                "added_sections": end.added_sections,
            }
        )
    else:
        _report(output, name, end)
    if not end.finished:
        raise click.exceptions.Exit(1)


def _report(output: Output, name: str, end: ReindexResult) -> None:
    if not end.needed:
        output.show(
            Text.assemble(
                (name, "bold"),
                f"  nothing to do: its {_items(end.total)} are in the space {end.space.name} ",
                "as it is served",
            )
        )
    elif end.finished:
        dropped = f", {_items(end.failure_count)} dropped" if end.failure_count else ""
        output.show(
            Text.assemble((name, "bold"), f"  {_items(end.done)} in the space {end.space.name}{dropped}")
        )
        if end.split_sections:
            output.note(
                f"of longer sections than the space reads, {end.split_sections} were stored as "
                f"{end.split_sections + end.added_sections}, so that all of the text is read"
            )
    else:
        if not output.asks:
            _list(output, end)
        output.note(
            f"{name} is as it was. {_items(end.failure_count)} cannot be encoded again: index them again, "
            "or drop them with --drop-missing; what was encoded is kept for the next run"
        )


def _end(output: Output, operation: Operation[ReindexResult]) -> ReindexResult:
    follow(output, operation)
    return operation.result()


def _list(output: Output, end: ReindexResult) -> None:
    for item, error in list(end.failures.items())[:LISTED]:
        output.notes.print(Text.assemble(("missing", "red"), "  ", (item, "bold"), "  ", error.message))
    if end.failure_count > LISTED:
        output.note(f"and {end.failure_count - LISTED} more")


def _items(number: int) -> str:
    return f"{number} item" if number == 1 else f"{number} items"
