"""`tieback backup` and `tieback restore`: collections as files, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tieback_client.backups import NotABackup, back_up, remove_old, restore_backup
from tieback_client.cli.connection import command
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import FOLDER, argument, option
from tieback_client.client import Client


@command(
    "backup",
    epilog="""\b
Examples:
  tieback backup /backups --keep 7
  tieback backup /backups library --timeout 3600
""",
)
def backup(
    client: Client,
    output: Output,
    folder: Path = argument(type=FOLDER),
    collections: tuple[str, ...] = argument(),
    no_verify: bool = option("Do not restore each collection to see that it can be."),
    keep: int | None = option("Then remove all backups but the newest N.", "N", least=1),
) -> None:
    """Save collections in a new folder within FOLDER.

    Without COLLECTIONS, saves all that are yours. Each is verified: it is restored under another name, its
    items are counted, and it is removed again. Needs the role admin, and room for one more collection.
    """
    try:
        made, saved = back_up(client, folder, collections, verify=not no_verify)
    except NotABackup as error:
        raise click.UsageError(str(error)) from None
    removed = remove_old(folder, keep) if keep else []
    if output.json:
        output.document(
            {
                "backup": str(made),
                "collections": [asdict(one) for one in saved],
                "removed": [one.name for one in removed],
            }
        )
        return
    output.table(
        ["collection", "items", "bytes", "verified"],
        [[one.name, one.items, one.bytes, "yes" if one.verified else "no"] for one in saved],
        right=(1, 2),
    )
    output.note(f"saved {len(saved)} {'collection' if len(saved) == 1 else 'collections'} in {made}")
    if removed:
        output.note(f"removed {len(removed)} older backups")


@command(
    "restore",
    epilog="""\b
Examples:
  tieback restore /backups                       (the newest backup)
  tieback restore /backups/20261127T053500Z library --prefix restored-
""",
)
def restore(
    client: Client,
    output: Output,
    folder: Path = argument(type=click.Path(exists=True, file_okay=False, path_type=Path)),
    collections: tuple[str, ...] = argument(),
    prefix: str = option("Put before the names of the collections.", "TEXT"),
    any_space: bool = option("Restore them though the server does not serve their space."),
) -> None:
    """Make collections of a backup again.

    FOLDER is a backup, or a folder of backups, of which the newest is taken. Nothing is overwritten: delete a
    collection first, or give a --prefix.
    """
    made = []
    try:
        for one in restore_backup(client, folder, collections, prefix=prefix, any_space=any_space):
            made.append(one)
            if not output.json:
                output.note(f"restored {one.name} with {one.item_count} items")
    except NotABackup as error:
        raise click.UsageError(str(error)) from None
    if output.json:
        output.document(made)
