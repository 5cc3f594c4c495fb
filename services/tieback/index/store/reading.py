"""What can be read of a collection's Lance table, whichever version of it is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tieback.index.lance import lancedb

_ROWS_AT_ONCE = 1024  # with the longest texts they take half of what an Arrow array can hold
_CACHE_BYTES = 64 * 1024 * 1024  # Lance's own default is gigabytes


class TableReader:
    """The newest version in a folder. Reads may come from any thread."""

    def __init__(self, folder: Path) -> None:
        """Opens it. Lance's errors pass where it cannot be read."""
        self.folder = folder
        self._lance = open_newest(folder)

    @property
    def schema(self) -> Any:
        """The Arrow schema with the collection's description."""
        return self._lance.schema

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """All rows as record batches, of some columns or of all."""
        query = self._lance.search().limit(None)
        if columns is not None:
            query = query.select(list(columns))
        yield from query.to_batches(batch_size=_ROWS_AT_ONCE)


def open_newest(folder: Path) -> Any:
    """Lance's table, in a session of its own: an older one may remember a version that is gone."""
    return lancedb.connect(str(folder.parent), session=session()).open_table(folder.stem)


def session() -> Any:
    """A Lance session with bounded caches."""
    return lancedb.Session(index_cache_size_bytes=_CACHE_BYTES, metadata_cache_size_bytes=_CACHE_BYTES)
