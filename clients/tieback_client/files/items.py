"""A file as an item to ingest, or as several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from tieback_client.content import Audio, Content, Image, Modality, Points, modality_of_path
from tieback_client.documents import KEPT_WORDS, Item, Section
from tieback_client.errors import InvalidArgument
from tieback_client.files.reading import read_document
from tieback_client.files.shares import share_id, shares, size_of

_MEDIA: Mapping[Modality, Callable[[Path], Content]] = {
    Modality.IMAGE: Image.from_file,
    Modality.AUDIO: Audio.from_file,
    Modality.POINTS: Points.from_file,
}


SINGLE_BYTES = 2 << 20
"""Bytes of text of one item that a server may take."""


def item_of(path: str | PathLike[str], *, id: str, title: str, uri: str, metadata: Mapping[str, Any]) -> Item:
    """See `tieback_client.Item.from_file`."""
    whole = _whole(Path(path), id, title, uri, metadata)
    size = 0 if whole.is_media else sum(map(size_of, whole.sections))
    if size > SINGLE_BYTES:
        raise InvalidArgument.at(
            "path",
            f"{path}: its text has {size:,} bytes, and one item takes up to {SINGLE_BYTES:,}: "
            "Item.all_from_file makes several items of it",
        )
    return Item(whole.id, whole.sections, whole.title, whole.metadata)


def items_of(
    path: str | PathLike[str], *, id: str, title: str, uri: str, metadata: Mapping[str, Any]
) -> list[Item]:
    """See `tieback_client.Item.all_from_file`."""
    whole = _whole(Path(path), id, title, uri, metadata)
    try:
        groups = [whole.sections] if whole.is_media else list(shares(whole.sections))
    except InvalidArgument as error:
        raise InvalidArgument.at("path", f"{path}: {error.message}") from None
    return [
        Item(share_id(whole.id, number), group, whole.title, dict(whole.metadata))
        for number, group in enumerate(groups, 1)
    ]


@dataclass(frozen=True, slots=True)
class _Whole:
    """All of a file."""

    id: str
    sections: list[Section]
    title: str
    metadata: dict[str, Any]
    is_media: bool


def _whole(file: Path, id: str, title: str, uri: str, metadata: Mapping[str, Any]) -> _Whole:
    id, uri = id or file.name, uri or file.name
    read = _MEDIA.get(modality_of_path(file) or Modality.TEXT)
    if read is not None:
        content = read(file)
        title = title or file.stem.replace("_", " ").replace("-", " ")
        return _Whole(id, [Section(content, title=title, uri=uri)], title, dict(metadata), is_media=True)
    try:
        document = read_document(file)
    except InvalidArgument as error:
        raise type(error)(f"{file}: {error.message}") from None
    if not document.sections:
        raise InvalidArgument.at("path", f"{file}: {'; '.join(document.notes)}")
    facts = {**document.metadata, **metadata}
    if document.is_thin:
        facts.setdefault(KEPT_WORDS, document.kept)
    return _Whole(id, document.item_sections(uri), title or document.title, facts, is_media=False)
