"""The files that a collection has from earlier runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tieback_contract.metadata import INDEXED_FROM

from tieback_client.cli.index.file_items import PART, PARTS
from tieback_client.client import Client
from tieback_client.errors import NotFound
from tieback_client.files.items import share_id
from tieback_client.values.documents import Item

PAGE = 1000


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item as it is in the collection."""

    path: str
    """The id of its file's first item, which is the file's source and path."""
    digest: str
    """Of the file's bytes when it was written."""
    parts: int = 1
    """How many items its file was."""


class IndexedItems:
    """The items of some sources, by id and by file."""

    def __init__(self, items: Mapping[str, KnownItem]) -> None:
        self._by_id = items
        self._by_path: dict[str, list[str]] = {}
        for id, one in items.items():
            self._by_path.setdefault(one.path, []).append(id)

    @classmethod
    def read(cls, client: Client, collection: str, sources: Iterable[str]) -> IndexedItems:
        """The items that the collection has from these sources."""
        return cls(
            {
                one.id: _indexed(one)
                for name in sources
                for one in client.items(
                    collection, filter=f"{INDEXED_FROM} = {quoted(name)}", sections=False, page_size=PAGE
                )
            }
        )

    @classmethod
    def of_files(cls, client: Client, collection: str, names: Iterable[str]) -> IndexedItems:
        """The items that the collection has of these files, each named by its source and path."""
        listed = ", ".join(map(quoted, names))
        try:
            found = list(
                client.items(collection, filter=f"path IN ({listed})", sections=False, page_size=PAGE)
            )
        except NotFound:
            found = []
        return cls({one.id: _indexed(one) for one in found})

    @property
    def paths(self) -> Iterable[str]:
        """The files."""
        return self._by_path

    def ids_of(self, path: str) -> list[str]:
        """The items of a file."""
        return self._by_path.get(path, [])

    def is_whole(self, path: str, digest: str) -> bool:
        """Whether all items of a file with these bytes are there."""
        first = self._by_id.get(path)
        if first is None:
            return False
        ids = (share_id(path, number) for number in range(1, first.parts + 1))
        return all((one := self._by_id.get(id)) is not None and one.digest == digest for id in ids)


def _indexed(item: Item) -> KnownItem:
    path, digest = str(item.metadata.get("path", "")), str(item.metadata.get("content_hash", ""))
    part, parts = (_count(item.metadata.get(key)) for key in (PART, PARTS))
    if part and parts and item.id == share_id(path, part):
        return KnownItem(path, digest, parts)
    return KnownItem(item.id, digest)


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def quoted(value: str) -> str:
    """A string as filters write it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
