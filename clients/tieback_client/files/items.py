"""A file as an item to ingest, or as several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from tieback_client.documents import KEPT_WORDS, Item
from tieback_client.errors import InvalidArgument
from tieback_client.files.contents import FileContent, content_of_file
from tieback_client.files.packing import is_archive, is_packed, unpacked
from tieback_client.files.reading import bytes_of
from tieback_client.files.shares import share_id, shares, size_of
from tieback_client.files.sorting import is_left_out

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
