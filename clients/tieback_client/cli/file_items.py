"""What a file becomes in a collection: an item with sections, facts and a hash of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback_client.clouds import cloud_of
from tieback_client.content import Audio, Image, Modality, Points, modality_of_path
from tieback_client.documents import INDEXED_FROM, Item, MetadataValue, Section
from tieback_client.errors import InvalidArgument
from tieback_client.files import MOST_BYTES, read_document

# Changes when a file would be split differently, so that it is indexed again.
FORMAT = "2"
ROOM = 64 * 1024  # what a message needs beside the file


@dataclass(frozen=True, slots=True)
class FileItem:
    """A file as it was read."""

    item: Item | None
    """None where the file holds nothing that can be found, which is no fault; a note says so."""
    kind: str
    """What it is, for people: its format where it is a text, else its modality."""
    notes: Sequence[str] = ()


def read_within(path: Path, limit: int) -> bytes:
    """The bytes of a file; `InvalidArgument` where it is too large to be read.

    What is sent as it is must be within the server's limit for a message (0: none).
    """
    size = path.stat().st_size
    if modality_of_path(path) in (None, Modality.TEXT):
        if size > MOST_BYTES:
            raise InvalidArgument(f"it has {size:,} bytes, and texts of up to {MOST_BYTES:,} are read")
    elif limit and size > limit - ROOM:
        raise InvalidArgument(f"it has {size:,} bytes, and the server takes {limit:,} in a message")
    return path.read_bytes()


def digest_of(data: bytes) -> str:
    """What a file is compared by, to skip it where it is unchanged."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}-{FORMAT}"


def item_of(name: str, source: str, path: Path, data: bytes, *, limit: int = 0) -> FileItem:
    """The item of a file. `InvalidArgument` where it is not what its suffix says, or too large."""
    modality = modality_of_path(path) or Modality.TEXT
    title = path.stem.replace("_", " ").replace("-", " ")
    parts: list[Section]
    facts: dict[str, MetadataValue] = {}
    kind, notes = str(modality), []
    if modality is Modality.IMAGE:
        parts = [Section(Image(data), title=title, uri=name)]
    elif modality is Modality.AUDIO:
        parts = [Section(Audio(data), title=title, uri=name)]
    elif modality is Modality.POINTS:
        parts = [Section(_cloud(data, path), title=title, uri=name)]
    else:
        document = read_document(data, path.name)
        kind, title, notes = document.kind, document.title, list(document.notes)
        facts.update(document.metadata)
        parts = document.item_sections(name)
        size = sum(len(one.text.encode()) for one in document.sections)
        if limit and size > limit - ROOM:
            raise InvalidArgument(f"its text has {size:,} bytes, and the server takes {limit:,} in a message")
    if not parts:
        return FileItem(None, kind, notes)
    own: dict[str, MetadataValue] = {
        "content_hash": digest_of(data),
        "path": name,
        "bytes": len(data),
        "kind": str(modality),
        INDEXED_FROM: source,
    }
    taken = [key for key in facts if key in own]
    if taken:
        notes.append(f"not kept of its front matter, since tieback sets it: {', '.join(taken)}")
    return FileItem(Item(name, parts, title, facts | own), kind, notes)


def _cloud(data: bytes, path: Path) -> Points:
    try:
        return Points(cloud_of(data, path.suffix.lower()))
    except ValueError as error:
        raise InvalidArgument(f"it is no point cloud: {error}") from None
