"""A large text as several items, each of which fits into what a server takes of one item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tieback_client.content import Image
from tieback_client.documents import Section
from tieback_client.errors import InvalidArgument

ITEM_BYTES = 88 << 10
"""Bytes of text of an item, of which a server that splits for a window of 126 tokens takes 4,096 sections.

Each byte may be a token, a heading takes up to half of a window, a piece fills half of the rest at least, and
15 % of the rest may be what the piece before it ends with. So pieces begin 22 bytes apart at least."""
ITEM_SECTIONS = 1000
"""Sections of an item, since a section that is a little longer than a window becomes two."""
PICTURE_BYTES = 24
"""Of a picture, that count as one of text."""
TEXT_BYTES = 64 << 20
"""Bytes of text of a file."""


def shares(sections: Sequence[Section]) -> Iterator[list[Section]]:
    """The sections of a text, in order, in groups for one item each.

    `InvalidArgument` where they have more than `TEXT_BYTES`.
    """
    sizes = [size_of(one) for one in sections]
    total = sum(sizes)
    if total > TEXT_BYTES:
        raise InvalidArgument(
            f"its text has {total:,} bytes, and up to {TEXT_BYTES:,} of a file are taken: divide the file"
        )
    share: list[Section] = []
    held = 0
    for section, size in zip(sections, sizes, strict=True):
        if share and (held + size > ITEM_BYTES or len(share) == ITEM_SECTIONS):
            yield share
            share, held = [], 0
        share.append(section)
        held += size
    if share:
        yield share


def size_of(section: Section) -> int:
    """The bytes of a section's text; of a picture so many that some 2 MB of pictures are one item."""
    if isinstance(section.content, Image):
        return len(section.content.data) // PICTURE_BYTES
    text = str(section.content)
    return len(text) if text.isascii() else len(text.encode())


def share_id(id: str, number: int) -> str:
    """The id of an item of a file, counted from 1. A file holds no other, so no other file has that path."""
    return id if number == 1 else f"{id}/{number}"
