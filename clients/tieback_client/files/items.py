"""A file as an item to ingest, or as several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePath
from typing import Any

from tieback_contract.metadata import MetadataValue
from tieback_contract.modality import Modality

from tieback_client.errors import InvalidArgument
from tieback_client.files.kinds import is_left_out
from tieback_client.files.packed.packing import is_archive, is_packed, unpacked
from tieback_client.files.reading import bytes_of, read_document
from tieback_client.values.clouds import cloud_of
from tieback_client.values.content import (
    Audio,
    Image,
    Points,
    fault_of_picture,
    fault_of_sound,
    modality_of_path,
)
from tieback_client.values.documents import KEPT_WORDS, Item, Section

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


SINGLE_BYTES = 2 << 20
"""Bytes of text of one item that a server may take."""


def item_of(path: str | PathLike[str], *, id: str, title: str, uri: str, metadata: Mapping[str, Any]) -> Item:
    """See `tieback_client.Item.from_file`."""
    file = Path(path)
    read = _read(file, _bytes_of(file), uri or file.name)
    size = sum(map(size_of, read.sections)) if read.is_text else 0
    if size > SINGLE_BYTES:
        raise InvalidArgument.at(
            "path",
            f"{path}: its text has {size:,} bytes, and one item takes up to {SINGLE_BYTES:,}: "
            "Item.all_from_file makes several items of it",
        )
    return Item(id or file.name, read.sections, title or read.title, _facts(read, metadata))


def items_of(
    path: str | PathLike[str], *, id: str, title: str, uri: str, metadata: Mapping[str, Any]
) -> list[Item]:
    """See `tieback_client.Item.all_from_file`."""
    file = Path(path)
    data = _bytes_of(file)
    id, uri = id or file.name, uri or file.name
    items: list[Item] = []
    if not is_archive(file.name):
        items += _shared(file, id, title, _read(file, data, uri), metadata)
    if not is_packed(file.name):
        return items
    try:
        for one in unpacked(file.name, data):
            if one.fault:
                raise InvalidArgument(f"{one.name}: {one.fault}")
            if not is_left_out(one.name, one.data):
                read = content_of_file(one.name, one.data, uri=f"{uri}/{one.name}")
                items += _shared(file, f"{id}/{one.name}", "", read, metadata)
    except InvalidArgument as error:
        raise type(error)(f"{file}: {error.message}") from None
    return items


def _bytes_of(file: Path) -> bytes:
    try:
        return bytes_of(file)
    except InvalidArgument as error:
        raise InvalidArgument.at("path", f"{file}: {error.message}") from None


def _read(file: Path, data: bytes, uri: str) -> FileContent:
    """A file that has something to find. `InvalidArgument` names it, where it has nothing or is damaged."""
    try:
        read = content_of_file(str(file), data, uri=uri)
    except InvalidArgument as error:
        raise type(error)(f"{file}: {error.message}") from None
    if not read.sections:
        raise InvalidArgument.at("path", f"{file}: {'; '.join(read.notes)}")
    return read


def _shared(
    file: Path, id: str, title: str, read: FileContent, metadata: Mapping[str, Any]
) -> Iterator[Item]:
    try:
        groups = list(shares(read.sections)) if read.is_text else [read.sections]
    except InvalidArgument as error:
        raise InvalidArgument.at("path", f"{file}: {error.message}") from None
    for number, group in enumerate(groups, 1):
        yield Item(share_id(id, number), group, title or read.title, _facts(read, metadata))


def _facts(read: FileContent, metadata: Mapping[str, Any]) -> dict[str, Any]:
    facts = {**read.facts, **metadata}
    if read.thin is not None:
        facts.setdefault(KEPT_WORDS, read.kept)
    return facts


@dataclass(frozen=True, slots=True)
class FileContent:
    """Content of a file, as it is indexed."""

    kind: str
    """Its format where it is a text, else its modality."""
    title: str
    sections: list[Section]
    """None where it holds nothing that can be found, which is no fault: a note says so."""
    is_text: bool
    text: str = ""
    """All of a text."""
    facts: Mapping[str, MetadataValue] = field(default_factory=dict)
    notes: Sequence[str] = ()
    kept: float | None = None
    """Of a text, the share of its visible words that were kept, if they were counted."""
    thin: tuple[int, int] | None = None
    """Counts of words, where next to nothing of it was kept: those kept, and those that it shows."""


def content_of_file(name: str, data: bytes, *, uri: str = "", pictures: bool = False) -> FileContent:
    """The sections of a file, below `uri` (its name), with `pictures` those of scanned pages too.

    `InvalidArgument` where it is not what its suffix names.
    """
    path, uri = PurePath(name), uri or name
    modality = modality_of_path(path) or Modality.TEXT
    if modality is Modality.TEXT:
        document = read_document(data, name, pictures=pictures)
        return FileContent(
            document.kind,
            document.title,
            document.sections_with_pictures(uri),
            True,
            document.text,
            document.metadata,
            document.notes,
            document.kept,
            (document.kept_words, document.visible_words or 0) if document.is_thin else None,
        )
    content: Image | Audio | Points
    if modality is Modality.POINTS:
        content, fault = _cloud(data, path), ""
    elif modality is Modality.IMAGE:
        content, fault = Image(data), fault_of_picture(data)
    else:
        content, fault = Audio(data), fault_of_sound(data)
    if fault:  # reported here, by the file: the call would end where it is packed
        raise InvalidArgument(fault)
    title = path.stem.replace("_", " ").replace("-", " ")
    return FileContent(str(modality), title, [Section(content, title=title, uri=uri)], False)


def _cloud(data: bytes, path: PurePath) -> Points:
    try:
        return Points(cloud_of(data, path.suffix.lower()))
    except ValueError as error:
        raise InvalidArgument(f"it is not a point cloud: {error}") from None
