"""One collection on disk: a Lance table that is only appended to, and what keeps it durable and small.

The table's folder also holds `acknowledged`, the version that was last forced to the disk. A version beyond
it was never acknowledged: a failed commit takes it back, and a start after a power cut drops it, for nothing
says how much of it arrived.
"""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
from lancedb.index import FTS
from lancedb.query import MatchQuery as _MatchQuery

from tieback.core.errors import StorageFull
from tieback.index.durability import DiskLedger, sync_path
from tieback.index.records import LATER

# Words in any script, without case, accents and English endings. Stop words stay: a search
# for "to be or not to be" must find it, and BM25 gives common words little weight anyway.
_FULL_TEXT: dict[str, Any] = {
    "base_tokenizer": "icu/split",
    "with_position": False,
    "remove_stop_words": False,
}
MatchQuery: Any = _MatchQuery  # a pydantic dataclass, whose defaults mypy does not see
_NO_SPACE = re.compile(r"No space left|os error (28|122|27)\b|quota exceeded|File too large", re.IGNORECASE)
_KEEP_ALL = timedelta(days=36500)
_CACHE_BYTES = 64 * 1024 * 1024  # Lance's own default is gigabytes
_TERMS_PER_DELETE = 2000
# What a search for words reads of rows that the full-text index does not cover yet, in rows: an append costs
# it as much as some ten rows of text.
_ROWS_PER_APPEND = 10


class Table:
    """A Lance table and its folder. Writes come from one thread at a time, reads from any."""

    def __init__(self, folder: Path) -> None:
        """Opens the table as last acknowledged. Lance's errors pass where that cannot be read."""
        self.folder = folder
        self._discard_unacknowledged()
        self._lance = _open(folder)
        self._ledger = DiskLedger(folder)
        self._tail = 0
        self._add_later_columns()
        self._repair_full_text()

    @classmethod
    def create(cls, folder: Path, table_schema: Any) -> None:
        """Makes an empty table, durable but for its name in the parent folder. StorageFull if need be."""
        with _storage_errors():
            shutil.rmtree(folder, ignore_errors=True)
            database = lancedb.connect(str(folder.parent), session=_session())
            lance = database.create_table(folder.stem, schema=table_schema)
            lance.create_index("text", config=FTS(**_FULL_TEXT))
            (folder / "acknowledged").write_text(f"{lance.version:020}\n")
            for path in folder.rglob("*"):
                sync_path(path)
            sync_path(folder)

    @property
    def schema(self) -> Any:
        """The Arrow schema with the collection's description."""
        return self._lance.schema

    def append(self, rows: Any) -> None:
        """Appends a record batch; durable when it returns, and readable. StorageFull leaves all as it was."""
        with _storage_errors():
            try:
                self._lance.add(rows)
                self._acknowledge()
            except BaseException:
                self._take_back()
                raise
        self._tail += rows.num_rows + _ROWS_PER_APPEND

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """All rows as record batches, of some columns or of all."""
        query = self._lance.search().limit(None)
        if columns is not None:
            query = query.select(list(columns))
        yield from query.to_batches(batch_size=2048)

    def full_text(self, words: str, limit: int) -> list[tuple[int, int, float]]:
        """Version, ordinal and BM25 score of the rows that match best, stale rows among them."""
        query = self._lance.search(MatchQuery(words, "text"), query_type="fts")
        found = query.select(["version", "ordinal", "_score"]).limit(limit).to_arrow()
        columns = (found[name].to_pylist() for name in ("version", "ordinal", "_score"))
        return list(zip(*columns, strict=True))

    def worth_compacting(self, stale: int, rows: int, *, busy: bool) -> bool:
        """Whether enough was appended, or enough of the `rows` is stale. Compaction rewrites the table.

        While writes stream in, the bar grows with the table, so that the work is in proportion to what was
        written; when they pause, words should be found fast.
        """
        bar = 5000 + 0.25 * rows if busy else 1000 + 0.02 * rows
        return self._tail > bar or stale > 1000 + 0.5 * rows

    def compact(self, stale: Sequence[int]) -> None:
        """Drops the rows of stale versions, merges small files, and brings the full-text index up to date.

        Readers go on: old files are removed only after the new version is on the disk, by `remove_old`.
        StorageFull leaves the table usable as it is.
        """
        with _storage_errors():
            try:
                for predicate in _predicates(stale):
                    self._lance.delete(predicate)
                self._lance.optimize(cleanup_older_than=_KEEP_ALL)
                self._acknowledge()
            except BaseException:
                self._take_back()
                raise
        self._tail = 0

    def remove_old(self) -> None:
        """Removes the files of older versions; the caller keeps readers out for these milliseconds."""
        with _storage_errors(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of the readers that the caller keeps out
            self._lance.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Forces the newest version to the disk, then notes that it is there."""
        self._ledger.sync()
        descriptor = os.open(self.folder / "acknowledged", os.O_WRONLY | os.O_CLOEXEC)
        try:  # overwritten in place: needs no space, and so few bytes are written whole or not at all
            os.pwrite(descriptor, f"{self._lance.version:020}\n".encode(), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def _take_back(self) -> None:
        """Returns to the acknowledged version after a failed commit, and frees what it took."""
        self._discard_unacknowledged()
        self._ledger.remove_new()
        self._lance = _open(self.folder)  # a new session: the old one remembers the version that is gone

    def _discard_unacknowledged(self) -> None:
        try:
            acknowledged = int((self.folder / "acknowledged").read_text())
        except FileNotFoundError:
            raise ValueError("the note of the acknowledged version is missing") from None
        discarded = False
        for manifest in (self.folder / "_versions").glob("*.manifest"):
            # Lance names manifests by 2^64 - 1 - version, so that the newest is listed first.
            if 2**64 - 1 - int(manifest.stem) > acknowledged:
                manifest.unlink()
                discarded = True
        if discarded:
            (self.folder / "_versions" / "latest_version_hint.json").unlink(missing_ok=True)
            sync_path(self.folder / "_versions")

    def _add_later_columns(self) -> None:
        """A table of an older format gets the columns that came later, empty; what it holds stays."""
        missing = [field for field in LATER if field.name not in self._lance.schema.names]
        if not missing:
            return
        with _storage_errors():
            try:
                self._lance.add_columns(missing)
                self._acknowledge()
            except BaseException:
                self._take_back()
                raise

    def _repair_full_text(self) -> None:
        """The full-text index is derived: where it is missing or cannot be read, it is made again."""
        try:
            indices = self._lance.list_indices()
            healthy = bool(indices)
            self.full_text("a", 1)
        except (RuntimeError, ValueError, OSError):  # whatever Lance says of a damaged index
            healthy = False
        if not healthy:
            with _storage_errors():
                self._lance.create_index("text", config=FTS(**_FULL_TEXT), replace=True)
                self._acknowledge()
            indices = self._lance.list_indices()
        self._tail = sum(int(index.num_unindexed_rows or 0) for index in indices)


def _open(folder: Path) -> Any:
    return lancedb.connect(str(folder.parent), session=_session()).open_table(folder.stem)


def _session() -> Any:
    return lancedb.Session(index_cache_size_bytes=_CACHE_BYTES, metadata_cache_size_bytes=_CACHE_BYTES)


def _predicates(versions: Iterable[int]) -> Iterator[str]:
    """Conditions that pick these versions, oldest first, so that a removal outlives the rows it hides."""
    ordered = sorted(versions)
    terms: list[str] = []
    start = 0
    for position in range(1, len(ordered) + 1):
        if position < len(ordered) and ordered[position] == ordered[position - 1] + 1:
            continue
        first, last = ordered[start], ordered[position - 1]
        terms.append(f"version = {first}" if first == last else f"version BETWEEN {first} AND {last}")
        start = position
    for begin in range(0, len(terms), _TERMS_PER_DELETE):
        yield " OR ".join(terms[begin : begin + _TERMS_PER_DELETE])


@contextmanager
def _storage_errors() -> Iterator[None]:
    """A full disk, a used-up quota and a file-size limit become StorageFull, whoever met them."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        if not _NO_SPACE.search(str(error)):
            raise
        raise StorageFull(
            "the index store's disk is full; nothing of this request was written, and what was acknowledged "
            "before is safe: free space or delete a collection, then send it again"
        ) from error
