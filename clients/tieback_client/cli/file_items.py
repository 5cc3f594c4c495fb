"""What a file becomes in a collection: an item with sections, facts and a hash of its bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tieback_client.cli import front_matter, sections
from tieback_client.clouds import cloud_of
from tieback_client.content import Audio, Image, Modality, Points, modality_of_path
from tieback_client.documents import INDEXED_FROM, Item, Section
from tieback_client.errors import InvalidArgument

# Changes when a file would be split differently, so that it is indexed again.
FORMAT = "1"
ROOM = 64 * 1024  # what a message needs beside the file


def read_within(path: Path, limit: int) -> bytes:
    """The bytes of a file; `InvalidArgument` where it is over the server's limit for a message (0: none)."""
    size = path.stat().st_size
    if limit and size > limit - ROOM:
        raise InvalidArgument(f"it has {size:,} bytes, and the server takes {limit:,} in a message")
    return path.read_bytes()


def digest_of(data: bytes) -> str:
    """What a file is compared by, to skip it where it is unchanged."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}-{FORMAT}"


def item_of(name: str, source: str, path: Path, data: bytes) -> Item:
    """The item of a file. `InvalidArgument` where it is not what its suffix says."""
    modality = modality_of_path(path)
    title = path.stem.replace("_", " ").replace("-", " ")
    parts: list[Section]
    facts: dict[str, str | float | bool] = {}
    if modality is Modality.IMAGE:
        parts = [Section(Image(data), title=title, uri=name)]
    elif modality is Modality.AUDIO:
        parts = [Section(Audio(data), title=title, uri=name)]
    elif modality is Modality.POINTS:
        parts = [Section(_cloud(data, path), title=title, uri=name)]
    else:
        facts, text = front_matter.read(_decoded(data).replace("\0", ""))
        title, parts = sections.split(path, text, uri=name)
        title = str(facts.pop("title", title))
        if not parts:
            raise InvalidArgument("it holds no text")
    facts |= {
        "content_hash": digest_of(data),
        "path": name,
        "bytes": len(data),
        "kind": str(modality),
        INDEXED_FROM: source,
    }
    return Item(name, parts, title, facts)


def _cloud(data: bytes, path: Path) -> Points:
    try:
        return Points(cloud_of(data, path.suffix.lower()))
    except ValueError as error:
        raise InvalidArgument(f"it is no point cloud: {error}") from None


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgument("it is not UTF-8 text") from None
