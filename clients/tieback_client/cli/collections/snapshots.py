"""`tieback snapshots`: list, create, restore, export, import and delete snapshots of collections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text
from tieback_contract.collections import Snapshot

from tieback_client.cli.connection import ListByDefault, command
from tieback_client.cli.output import NOT_DELETED, Output, minute
from tieback_client.cli.parameters import FILE, TARGET, argument, option
from tieback_client.client import Client


@click.group(
    cls=ListByDefault,
    epilog="""\b
Examples:
  tieback snapshots create handbook before-upgrade
  tieback snapshots restore before-upgrade handbook-2
""",
)
def snapshots() -> None:
    """Keep collections as they are, and bring them back.

    A snapshot is a copy of a collection at one moment, kept on the server. Without a command, lists them.
    """


@command("list", of=snapshots)
def list_(client: Client, output: Output) -> None:
    """List the snapshots."""
    found = list(client.snapshots())
    broken = any(one.damage for one in found)

    def row(one: Snapshot) -> list[Any]:
        state = [_state(one)] if broken else []
        counts = [one.item_count, one.byte_count]
        return [one.name, one.collection, *counts, one.space.name, minute(one.created), *state]

    output.listed(
        found,
        ["snapshot", "collection", "items", "bytes", "space", "created", *(["state"] if broken else [])],
        row,
        right=(2, 3),
        none="There is no snapshot yet; `tieback snapshots create COLLECTION NAME` makes one.",
    )
    for one in found:
        if one.damage:
            output.note(f"{one.name}: {one.damage}")


@command("create", of=snapshots)
def create(client: Client, output: Output, collection: str, name: str) -> None:
    """Make a snapshot of a collection.

    Searches and writes go on meanwhile. If a large collection takes longer than --timeout, the server goes
    on: the same command waits for it.
    """
    made = client.snapshot(collection, name)
    output.told(
        made, f"made {made.name} of {made.collection} with {made.item_count} items, {made.byte_count} bytes"
    )


@command("restore", of=snapshots)
def restore(
    client: Client,
    output: Output,
    name: str,
    collection: str,
    any_space: bool = option("Restore it though the server does not serve its space."),
) -> None:
    """Make a new collection of a snapshot.

    Nothing is overwritten: COLLECTION is a name that is free. If it takes longer than --timeout, the server
    goes on: the same command waits for it.
    """
    made = client.restore(name, collection, any_space=any_space)
    output.told(made, f"restored {name} as {made.name} with {made.item_count} items")
    if made.stale:
        output.note(f"{made.name}: {made.stale}")


@command("export", of=snapshots)
def export(client: Client, output: Output, name: str, file: Path = argument(type=TARGET)) -> None:
    """Write a snapshot into a file.

    FILE is a tar file, which `tieback snapshots import` takes, on this server or on another.
    """
    size = client.export_snapshot(name, file)
    output.told({"exported": name, "bytes": size}, f"exported {name}: {size} bytes")


@command("import", of=snapshots)
def import_(client: Client, output: Output, file: Path = argument(type=FILE), name: str = argument()) -> None:
    """Make a snapshot of a file.

    The server verifies all of it first.
    """
    made = client.import_snapshot(file, name)
    output.told(made, f"imported {made.name} of {made.collection} with {made.item_count} items")


@command("delete", of=snapshots)
def delete(
    client: Client,
    output: Output,
    name: str,
    yes: bool = option("Do not ask for confirmation."),
) -> None:
    """Delete a snapshot."""
    output.agree(yes, f"Delete the snapshot {name}?", NOT_DELETED)
    client.delete_snapshot(name)
    output.told({"deleted": name}, f"deleted {name}")


def _state(found: Snapshot) -> Text:
    return Text("damaged", style="bold red") if found.damage else Text("good")
