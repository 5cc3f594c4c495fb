"""`tieback collections`, but for the commands of `cli/collections/command.py` and
`cli/collections/removal.py`.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.text import Text
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import NO_OPTIONS, QueryOptions
from tieback_contract.token_vectors import TokenVectors

from tieback_client.cli.collections.removal import remove
from tieback_client.cli.connection import ListByDefault, command
from tieback_client.cli.output import NOT_DELETED, NOT_REMOVED, Output, minute
from tieback_client.cli.parameters import option
from tieback_client.cli.query.options import PLAN
from tieback_client.client import Client
from tieback_client.errors import InvalidArgument
from tieback_client.files.document import LEAST_KEPT
from tieback_client.values.content import Audio, Content, Features, Image, Points
from tieback_client.values.content import Text as TextContent
from tieback_client.values.documents import KEPT_WORDS, Collection, Item, Section


@click.group(cls=ListByDefault)
def collections() -> None:
    """List, count, show, set and delete collections.

    Without a command, lists them.
    """


@command(
    "original",
    epilog="""\b
Examples:
  tieback collections original album photos/cat.jpg 1 --to cat.jpg
  tieback collections original album photos/cat.jpg 1 --to - | display
""",
)
def original(
    client: Client,
    output: Output,
    collection: str,
    item: str,
    section: str,
    target: Path | None = option(
        "the file to make; - writes to the output  [the item's own name, in this folder]",
        "FILE",
        flags="--to",
    ),
    replace: bool = option("write over a file that is there"),
) -> None:
    """Write what a SECTION of an ITEM was encoded from into a file.

    A picture or a sound as it was sent, points as .npy, features as JSON, the text of a text. Servers keep
    pictures and sounds as far as TIEBACK_ORIGINALS_BYTES allows.
    """
    data = _bytes(client.original(collection, item, section))
    if str(target) == "-":
        sys.stdout.buffer.write(data)
        return
    path = target or Path(Path(item).name)
    try:
        with path.open("wb" if replace else "xb") as file:
            file.write(data)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already; --replace writes over it") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    if output.json:
        output.document({"file": str(path), "bytes": len(data)})
    else:
        output.show(f"{path}: {len(data):,} bytes")


def _bytes(content: Content) -> bytes:
    match content:
        case Image() | Audio():
            return content.data
        case Points():
            buffer = io.BytesIO()
            np.save(buffer, content.coordinates, allow_pickle=False)
            return buffer.getvalue()
        case Features():
            return json.dumps(dict(content.values), ensure_ascii=False, indent=2).encode() + b"\n"
        case TextContent():
            return content.text.encode()
        case _:
            raise click.ClickException("the section has a content that this version cannot write")


collections.add_command(original)
collections.add_command(remove)


@command("list", of=collections)
def list_(client: Client, output: Output) -> None:
    """List the collections."""
    found = list(client.collections())
    broken = any(one.damage or one.stale for one in found)

    def row(one: Collection) -> list[Any]:
        state = [_state(one)] if broken else []
        counts = [one.item_count, one.section_count]
        return [one.name, *counts, one.space.name, one.width, minute(one.created), *state]

    output.listed(
        found,
        ["collection", "items", "sections", "space", "width", "created", *(["state"] if broken else [])],
        row,
        right=(1, 2, 4),
        none="There is no collection yet; `tieback index FOLDER` makes one.",
    )
    for one in found:
        if one.damage or one.stale:
            output.note(f"{one.name}: {one.damage or one.stale}")


@command("items", of=collections)
def items(
    client: Client,
    output: Output,
    name: str,
    filter: str = option("Only items that match.", "EXPRESSION"),
) -> None:
    """List the items of a collection.

    With --json, one JSON object a line.
    """
    found = client.items(name, filter=filter)
    if output.json:
        for one in found:
            output.document(one)
        return
    output.table(
        ["item", "sections", "title"], ([one.id, _count(one), one.title] for one in found), right=(1,)
    )


@command("count", of=collections)
def count(
    client: Client,
    output: Output,
    name: str,
    filter: str = option("Only items that match.", "EXPRESSION"),
) -> None:
    """Count the items and sections of a collection."""
    items, sections = client.count(name, filter=filter)
    if output.json:
        output.document({"items": items, "sections": sections})
    else:
        output.show(f"{items} items, {sections} sections")


@command("show", of=collections)
def show(
    client: Client,
    output: Output,
    name: str,
    item: str | None,
    thin: bool = option("List the files of which less than a fifth was read."),
) -> None:
    """Show a collection and its sources, or one item.

    An item is shown with its sections.
    """
    if thin:
        if item is not None:
            raise click.UsageError("--thin lists files of a collection; leave out the item.")
        show_thin(client, output, name)
        return
    if item is None:
        _show_collection(output, client.get_collection(name))
        return
    found = client.get(name, item)
    if output.json:
        output.document(found)
        return
    output.show(Text(found.title or found.id, style="bold"))
    for key, value in found.metadata.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        output.show(Text(f"{key}: {shown}", style="dim"))
    for section in found.sections if isinstance(found.sections, list) else []:
        if isinstance(section, Section):
            heading = " ".join(part for part in (section.id, section.title) if part)
            output.show(Text(f"\n§ {heading}", style="cyan"), Text(str(section.content or "(not text)")))


@command("set", of=collections)
def set_(
    client: Client,
    output: Output,
    name: str,
    plan: QueryOptions = PLAN,
    defaults: bool = option("Leave everything to the server."),
) -> None:
    """Say how queries of a collection are answered that do not say it themselves.

    It replaces what was said before: what is not given is the server's choice. A query's own options win.
    """
    if (plan == NO_OPTIONS) != defaults:
        raise click.UsageError("Give options of queries, or --defaults alone.")
    found = client.update_collection(name, plan=plan)
    output.told(found, f"queries of {name}: {_plan(found.plan) or 'as served'}")


@command("delete", of=collections)
def delete(
    client: Client,
    output: Output,
    name: str,
    yes: bool = option("Do not ask for confirmation."),
) -> None:
    """Delete a collection with all its items."""
    found = client.get_collection(name)
    output.agree(yes, f"Delete {name} with its {found.item_count} items?", NOT_DELETED)
    client.delete_collection(name)
    output.told({"deleted": name, "items": found.item_count}, f"deleted {name} with {found.item_count} items")


@command("forget", of=collections)
def forget(
    client: Client,
    output: Output,
    name: str,
    source: str,
    yes: bool = option("Do not ask for confirmation."),
) -> None:
    """Remove a source and all items that were indexed from it."""
    found = next((one for one in client.get_collection(name).sources if one.name == source), None)
    if found is not None:
        question = f"Remove {source} ({found.location} on {found.host}) with its {found.item_count} items?"
        output.agree(yes, question, NOT_REMOVED)
    removed = client.delete_source(name, source)  # says which there are, where there is none of that name
    output.told({"source": source, "removed": removed}, f"removed {source} with {removed} items")


def _token_facts(kept: TokenVectors | None) -> dict[str, str]:
    """How vectors of tokens are kept; empty where they are not."""
    if kept is None:
        return {}
    pooling, parameters, codec = kept.pooling.name, kept.pooling.parameters, kept.codec.name
    how = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return {
        "token vectors": f"{kept.space}, {pooling} ({how}), {codec}",
        "token vectors on disk": f"{kept.stored_bytes / 1e6:,.1f} MB",
    }


def _show_collection(output: Output, found: Collection) -> None:
    weights = ", ".join(f"{name}={weight:g}" for name, weight in found.weights.items())
    facts = {
        "collection": found.name,
        "items": found.item_count,
        "sections": found.section_count,
        "space": f"{found.space}, {found.width} wide",
        "created": minute(found.created),
        "routing": found.policy or weights,
        "codec": found.codec,
        "codec learned from": f"{found.codec_trained_on:,} vectors" if found.codec_trained_on else "",
        "vectors in memory": f"{found.resident_bytes / 1e6:,.1f} MB" if found.codec else "",
        **_token_facts(found.token_vectors),
        "queries": _plan(found.plan),
        "state": found.damage or (f"stale: {found.stale}" if found.stale else ""),
    }
    output.described(found, facts)
    if not found.sources or output.json:
        return
    output.note("\nThe folders that its items come from")
    output.table(
        ["source", "items", "last indexed", "host", "folder"],
        [[one.name, one.item_count, minute(one.indexed), one.host, one.location] for one in found.sources],
        right=(1,),
    )


def _plan(plan: QueryOptions) -> str:
    """The choices of a plan; empty for none."""
    return ", ".join(f"{name} {_choice(value)}" for name, value in plan.chosen().items())


def _choice(value: object) -> str:
    if not isinstance(value, MethodChoice):
        return str(value).lower() if isinstance(value, bool) else str(value)
    given = ", ".join(f"{key}={one}" for key, one in value.parameters.items())
    return f"{value.name} ({given})" if given else value.name


def _state(found: Collection) -> Text:
    if found.damage:
        return Text("damaged", style="bold red")
    return Text("stale", style="yellow") if found.stale else Text("good")


def _count(item: Item) -> int:
    return len(item.sections) if isinstance(item.sections, list) else 1


def show_thin(client: Client, output: Output, name: str) -> None:
    """Lists them by their paths, each with the share of its words that was read, the least first."""
    try:
        found = list(client.items(name, filter=f"{KEPT_WORDS} < {LEAST_KEPT}", sections=False))
    except InvalidArgument:  # no item has the field
        found = []
    shares = {str(one.metadata.get("path", one.id)): float(str(one.metadata[KEPT_WORDS])) for one in found}
    rows = sorted(shares.items(), key=lambda one: (one[1], one[0]))
    if output.json:
        output.document([{"path": path, KEPT_WORDS: share} for path, share in rows])
    elif rows:
        output.table(["file", "words read"], [[path, f"{share:.1%}"] for path, share in rows], right=(1,))
    else:
        output.note("of every file whose words were counted, a fifth or more was read")
