"""`tieback collections original`: writes what a section was encoded from into a file."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import BinaryIO

import click
import numpy as np

from tieback_client.cli.connection import Command, connected
from tieback_client.cli.output import Output
from tieback_client.client import Client
from tieback_client.content import Audio, Content, Features, Image, Points, Text


@click.command(
    "original",
    cls=Command,
    epilog="""\b
Examples:
  tieback collections original album photos/cat.jpg 1 --to cat.jpg
  tieback collections original album photos/cat.jpg 1 --to - | display
""",
)
@click.argument("collection")
@click.argument("item")
@click.argument("section")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE",
    help="the file to make; - writes to the output  [the item's own name, in this folder]",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="write over a file that is there")
@connected
def original(
    client: Client,
    output: Output,
    collection: str,
    item: str,
    section: str,
    target: Path | None,
    replace: bool,
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
        with _opened(path, replace=replace) as file:
            file.write(data)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already; --replace writes over it") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    if output.json:
        output.document({"file": str(path), "bytes": len(data)})
    else:
        output.show(f"{path}: {len(data):,} bytes")


def _opened(path: Path, *, replace: bool) -> BinaryIO:
    return path.open("wb" if replace else "xb")


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
        case Text():
            return content.text.encode()
        case _:
            raise click.ClickException("the section has a content that this version cannot write")
