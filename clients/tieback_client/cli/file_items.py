"""The items of a file: sections, metadata and a hash of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback_contract.metadata import INDEXED_FROM, MetadataValue
from tieback_contract.modality import Modality

from tieback_client.content import modality_of_path
from tieback_client.documents import KEPT_WORDS, Item
from tieback_client.errors import InvalidArgument
from tieback_client.files import MOST_BYTES
from tieback_client.files.contents import content_of_file
from tieback_client.files.opened import Opened, packed_in
from tieback_client.files.shares import share_id, shares, size_of

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
    """Counts of words, where next to nothing of it was kept: those kept, and those that it shows."""


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


def items_of(name: str, source: str, data: bytes, *, limit: int = 0, pictures: bool = False) -> FileItems:
    """The items of a file. `InvalidArgument` where it is not what its suffix names, or too large."""
    read = content_of_file(name, data, pictures=pictures)
    kind, title, notes, facts = read.kind, read.title, list(read.notes), dict(read.facts)
    groups = list(shares(read.sections)) if read.is_text else [read.sections]
    size = max((sum(map(size_of, group)) for group in groups), default=0) if read.is_text else 0
    if limit and size > limit - ROOM:
        raise InvalidArgument(
            f"a part of it has {size:,} bytes; the server's limit for a message is {limit:,}"
        )
    if not groups:
        return FileItems((), kind, notes, read.thin)
    own: dict[str, MetadataValue] = {} if read.kept is None else {KEPT_WORDS: read.kept}
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
    return FileItems(items, kind, notes, read.thin)
