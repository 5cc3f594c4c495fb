"""The items of a file: sections, metadata and a hash of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback_client.clouds import cloud_of
from tieback_client.content import Audio, Image, Modality, Points, modality_of_path
from tieback_client.documents import INDEXED_FROM, KEPT_WORDS, Item, MetadataValue, Section
from tieback_client.errors import InvalidArgument
from tieback_client.files import MOST_BYTES, read_document
from tieback_client.files.opened import Opened, packed_in
from tieback_client.files.shares import share_id, shares, size_of
from tieback_client.signatures import fault_of_picture, fault_of_sound

# Changes when a file would be read differently, so that it is indexed again.
FORMAT = "6"
PART, PARTS = "part", "parts"
"""The metadata fields of a file that is several items: which one it is, from 1, and how many there are."""
ROOM = 64 * 1024  # what a message needs beside the file


@dataclass(frozen=True, slots=True)
class FileItems:
    """A file that was read."""

    items: Sequence[Item]
    """One, of a large text several; none where it holds nothing that can be found, which is no fault: a note
    says so."""
    kind: str
    """What it is, for people: its format where it is a text, else its modality."""
    notes: Sequence[str] = ()
    thin: tuple[int, int] | None = None
    """Where next to nothing of it was kept: how many words, of how many that it shows."""


def read_within(path: Path, limit: int, opened: Opened) -> bytes:
    """The bytes of a file; `InvalidArgument` where it is too large to be read.

    What is sent as it is must be within the server's limit for a message (0: none).
    """
    is_text = modality_of_path(path) in (None, Modality.TEXT)
    most = MOST_BYTES if is_text else limit - ROOM if limit else 0
    packed = None if packed_in(path) is None else opened.read(path)
    size = path.stat().st_size if packed is None else len(packed)
    if most and size > most:
        whose = "limit for texts" if is_text else "server's limit for a message"
        raise InvalidArgument(f"it has {size:,} bytes; the {whose} is {MOST_BYTES if is_text else limit:,}")
    return path.read_bytes() if packed is None else packed


def digest_of(data: bytes) -> str:
    """The hash by which an unchanged file is recognised and skipped."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}-{FORMAT}"


def items_of(name: str, source: str, path: Path, data: bytes, *, limit: int = 0) -> FileItems:
    """The items of a file. `InvalidArgument` where it is not what its suffix names, or too large."""
    modality = modality_of_path(path) or Modality.TEXT
    title = path.stem.replace("_", " ").replace("-", " ")
    groups: list[list[Section]]
    facts: dict[str, MetadataValue] = {}
    own: dict[str, MetadataValue] = {}
    thin = None
    kind, notes = str(modality), []
    fault = ""
    if modality is Modality.IMAGE:
        fault = fault_of_picture(data)
        groups = [[Section(Image(data), title=title, uri=name)]]
    elif modality is Modality.AUDIO:
        fault = fault_of_sound(data)
        groups = [[Section(Audio(data), title=title, uri=name)]]
    elif modality is Modality.POINTS:
        groups = [[Section(_cloud(data, path), title=title, uri=name)]]
    else:
        document = read_document(data, name)
        kind, title, notes = document.kind, document.title, list(document.notes)
        facts.update(document.metadata)
        if document.kept is not None:
            own[KEPT_WORDS] = document.kept
        if document.is_thin:
            thin = document.kept_words, document.visible_words or 0
        groups = list(shares(document.item_sections(name)))
        size = max((sum(map(size_of, group)) for group in groups), default=0)
        if limit and size > limit - ROOM:
            raise InvalidArgument(
                f"a part of it has {size:,} bytes; the server's limit for a message is {limit:,}"
            )
    if fault:  # reported here, by the file: the call would end where it is packed
        raise InvalidArgument(fault)
    if not groups:
        return FileItems((), kind, notes, thin)
    own |= {
        "content_hash": digest_of(data),
        "path": name,
        "bytes": len(data),
        "kind": kind,
        INDEXED_FROM: source,
    }
    if len(groups) > 1:
        own[PARTS] = len(groups)
        notes.append(f"it is large, so it is {len(groups)} items")
    taken = [key for key in facts if key in own]
    if taken:
        notes.append(
            f"these keys of its front matter are not stored, because tieback sets them: {', '.join(taken)}"
        )
    items = [
        Item(share_id(name, number), group, title, facts | own | ({PART: number} if len(groups) > 1 else {}))
        for number, group in enumerate(groups, 1)
    ]
    return FileItems(items, kind, notes, thin)


def _cloud(data: bytes, path: Path) -> Points:
    try:
        return Points(cloud_of(data, path.suffix.lower()))
    except ValueError as error:
        raise InvalidArgument(f"it is not a point cloud: {error}") from None
