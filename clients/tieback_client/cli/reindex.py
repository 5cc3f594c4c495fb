"""`tieback reindex`: a collection is encoded again, by the models that are served now."""

from __future__ import annotations

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tieback_client.cli.connection import Command, connected
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.writes import ReindexProgress

TOLD = 10


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  tieback reindex handbook
  tieback reindex album --drop-missing
  tieback reindex handbook --space all-minilm-l6-v2

\b
Texts are encoded from the collection itself, photos and sounds from the originals that the server kept. Until
all is encoded, the collection is read and written as before; then it changes at once. If it is interrupted,
run it again: it goes on.
""",
)
@click.argument("name")
@click.option(
    "--space",
    default="",
    metavar="SPACE",
    help="Encode into this space. [the served revision of the collection's own]",
)
@click.option("--drop-missing", is_flag=True, help="Drop items that cannot be encoded again, without asking.")
@connected
def reindex(client: Client, output: Output, name: str, space: str, drop_missing: bool) -> None:
    """Encode a collection again, after its model changed."""
    last, needed = _run(client, output, name, space, drop_missing)
    if not last.finished and output.asks:
        _list(output, last)
        question = f"Drop {_items(last.failure_count)} and finish?"
        if output.confirm(question):
            last, _ = _run(client, output, name, space, True)
    if output.json:
        output.document(
            {
                "collection": name,
                "space": str(last.space),
                "finished": last.finished,
                "needed": needed,
                "items": last.done,
                "failures": {item: error.message for item, error in last.failures.items()},
                "failure_count": last.failure_count,
                "split_sections": last.split_sections,
                "added_sections": last.added_sections,
            }
        )
    elif not needed:
        output.show(
            Text.assemble(
                (name, "bold"),
                f"  nothing to do: its {_items(last.total)} are in the space {last.space.name} ",
                "as it is served",
            )
        )
    elif last.finished:
        dropped = f", {_items(last.failure_count)} dropped" if last.failure_count else ""
        output.show(
            Text.assemble((name, "bold"), f"  {_items(last.done)} in the space {last.space.name}{dropped}")
        )
        if last.split_sections:
            output.note(
                f"of longer sections than the space reads, {last.split_sections} were stored as "
                f"{last.split_sections + last.added_sections}, so that all of the text is read"
            )
    else:
        if not output.asks:
            _list(output, last)
        output.note(
            f"{name} is as it was. {_items(last.failure_count)} cannot be encoded again: index them again, "
            "or drop them with --drop-missing; what was encoded is kept for the next run"
        )
    if not last.finished:
        raise click.exceptions.Exit(1)


def _run(client: Client, output: Output, name: str, space: str, drop: bool) -> tuple[ReindexProgress, bool]:
    """How it ended, and whether there was anything to do: else the server says at once that it is done."""
    last: ReindexProgress | None = None
    needed = False
    with _bar(output) as bar, client.reindex(name, space=space, drop_missing=drop) as progress:
        task = bar.add_task("", total=None)
        for last in progress:
            needed = needed or not last.finished
            bar.update(task, total=last.total, completed=last.done)
    if last is None:
        raise click.ClickException("the server said nothing; run it again")
    return last, needed


def _list(output: Output, last: ReindexProgress) -> None:
    for item, error in list(last.failures.items())[:TOLD]:
        output.notes.print(Text.assemble(("missing", "red"), "  ", (item, "bold"), "  ", error.message))
    if last.failure_count > TOLD:
        output.note(f"and {last.failure_count - TOLD} more")


def _items(number: int) -> str:
    return f"{number} item" if number == 1 else f"{number} items"


def _bar(output: Output) -> Progress:
    return Progress(
        TextColumn("encoding"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=output.notes,
        transient=True,
        disable=not output.notes.is_terminal or output.json,
    )
