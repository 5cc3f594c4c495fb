"""`tieback collections remove`: removes items by id, or those that a filter finds."""

from __future__ import annotations

import click

from tieback_client.cli.connection import command
from tieback_client.cli.index.indexed import PAGE, quoted
from tieback_client.cli.index.report import counted
from tieback_client.cli.output import NOT_REMOVED, Output
from tieback_client.cli.parameters import argument, option
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.errors import InvalidArgument

AT_ONCE = 500
"""Items of one call."""
NAMED = 3


@command(
    "remove",
    epilog="""\b
Examples:
  tieback collections remove notes notes/2019/plan.md
  tieback collections remove mails --filter 'kind = "mail" AND date < 2020-01-01'

\b
A file that is still in its folder is indexed again by the next `tieback index`.
""",
)
def remove(
    client: Client,
    output: Output,
    name: str,
    ids: tuple[str, ...] = argument(metavar="[ITEMS]..."),
    expression: str = option("All items that match.", "EXPRESSION", flags="--filter"),
    yes: bool = option("Do not ask for confirmation."),
) -> None:
    """Remove items by their ids, or those that a filter finds.

    If an id is not there, nothing is removed.
    """
    if bool(ids) == bool(expression):
        raise click.UsageError("Give ids of items, which `tieback collections items` lists, or --filter.")
    wanted = expression or f"item_id IN ({', '.join(map(quoted, ids))})"
    found = [one.id for one in client.items(name, filter=wanted, sections=False, page_size=PAGE)]
    lost = [one for one in dict.fromkeys(ids) if one not in found]
    if lost:
        raise InvalidArgument(f"{name} has no item {lost[0]!r}; nothing was removed")
    listed = ", ".join(map(in_a_line, found[:NAMED])) + (", …" if len(found) > NAMED else "")
    question = f"Remove {counted(len(found), 'item')} of {name}: {listed}?"
    output.agree(yes or not found, question, NOT_REMOVED)
    removed = sum(
        client.delete(name, found[first : first + AT_ONCE]) for first in range(0, len(found), AT_ONCE)
    )
    output.told({"collection": name, "removed": removed}, f"removed {counted(removed, 'item')} of {name}")
