"""One collection on disk: a Lance table that is only appended to, and what keeps it durable and small.

The table's folder also holds `acknowledged`, the version that was last forced to the disk. A version beyond
it was never acknowledged: a failed commit takes it back, and the next start drops it, for nothing says how
much of it arrived. Only where the acknowledged version itself can no longer be read is a later one kept.

Compaction, in an order that is safe to be killed at every step:
1. new versions are made beside the acknowledged one, until Lance finds nothing more to do;
2. the last of them is forced to the disk and acknowledged;
3. what only older versions use is removed. The acknowledged version is tagged meanwhile: where this step were
   to make a version after all, Lance would refuse to remove the files of the tagged one.
"""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from tieback.core.durable_files import storage_errors, sync_path
from tieback.index.lance import lancedb
from tieback.index.store import versions
from tieback.index.store.reading import TableReader, open_newest, session
from tieback.index.vectors.learned_state import FOLDERS

_KEEP_ALL = timedelta(days=36500)
_TERMS_PER_DELETE = 2000
# What the next start reads of rows that were not compacted, in rows: an append, which makes a file, costs as
# much as some ten rows.
_ROWS_PER_APPEND = 10
_TAG = "acknowledged"
_ROWS_PER_BATCH = 1024
_MOST_ROUNDS = 16  # of compaction; after three there was never anything left to do

_log = logging.getLogger(__name__)


# What Lance wrote is forced to the disk before it is acknowledged, or removed again.
#
# Lance publishes a version by renaming files into place and never calls fsync (0.40 with object_store 0.14:
# no fsync or fdatasync in a trace of its writes). A killed process loses nothing by that, a power cut may.
# So each commit here ends with `DiskLedger.sync`: the new files are found by comparing the folder with what
# was there before, and they and their folders are synced, the manifest last.
#
# Power loss: an acknowledged commit has been through fsync, so it is as safe as the drive's own cache
# flush. A commit that was under way is dropped at the next start, by the acknowledged version
# (`index/store/table.py`).
#
# What was learned of the vectors (`index/vectors/learned_state.py`) is in the folder too, and is durable by
# itself.
_VERSIONS = "_versions"


class DiskLedger:
    """The files of one Lance table that are known to be durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._durable = self._files()

    def sync(self) -> None:
        """Forces every new file to the disk. OSError where the disk refuses."""
        files = self._files()
        fresh = [path for path, identity in files.items() if self._durable.get(path) != identity]
        for path in sorted(fresh, key=lambda path: _VERSIONS in path):
            sync_path(path)
        folders = {str(Path(path).parent) for path in fresh}
        folders |= {str(Path(folder).parent) for folder in folders}  # a folder may itself be new
        for folder in sorted(folders, key=len, reverse=True):
            sync_path(folder)
        self._durable = files

    def remove_new(self) -> None:
        """Removes files that appeared since the last `sync`; only right where no version uses them."""
        for path, identity in self._files().items():
            if self._durable.get(path) != identity and path not in self._durable:
                with suppress(OSError):
                    Path(path).unlink()
        self._durable = self._files()

    def _files(self) -> dict[str, int]:
        """Each file under Lance's folders with its inode, which a rewritten file changes."""
        found: dict[str, int] = {}
        waiting = [str(self._folder)]
        while waiting:
            with suppress(FileNotFoundError), os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.name in FOLDERS:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        found[entry.path] = entry.inode()
        return found


class Table(TableReader):
    """A Lance table and its folder. Writes come from one thread at a time, reads from any."""

    def __init__(self, folder: Path, views: Path) -> None:
        """Opens the table as last acknowledged. Lance's errors pass where that cannot be read.

        `views` is a folder where a single version can be looked at.
        """
        self._acknowledged = _recover(folder, views)
        super().__init__(folder)
        self._ledger = DiskLedger(folder)
        self._tail = 0

    @classmethod
    def create(cls, folder: Path, table_schema: Any) -> None:
        """Makes an empty table, durable but for its name in the parent folder. StorageFull if need be."""
        with storage_errors():
            shutil.rmtree(folder, ignore_errors=True)
            database = lancedb.connect(str(folder.parent), session=session())
            lance = database.create_table(folder.stem, schema=table_schema)
            versions.acknowledge(folder, lance.version)
            for path in folder.rglob("*"):
                sync_path(path)
            sync_path(folder)

    def append(self, rows: Any) -> None:
        """Appends a record batch; durable when it returns, and readable. StorageFull leaves all as it was."""
        with storage_errors():
            try:
                self._lance.add(rows)
                self._acknowledge()
            except BaseException:
                self._take_back()
                raise
        self._tail += rows.num_rows + _ROWS_PER_APPEND

    def rows_of(self, versions: Sequence[int], columns: Sequence[str]) -> Iterator[Any]:
        """Some columns of the rows of these versions, as record batches."""
        for predicate in _predicates(versions):
            query = self._lance.search().where(predicate).limit(None).select(list(columns))
            yield from query.to_batches(batch_size=_ROWS_PER_BATCH)

    def worth_compacting(self, stale: int, rows: int, *, busy: bool) -> bool:
        """Whether enough was appended, or enough of the `rows` is stale. Compaction rewrites the table.

        While writes stream in, the bar grows with the table, so that the work is in proportion to what was
        written; when they pause, the next start should be fast.
        """
        bar = 5000 + 0.25 * rows if busy else 1000 + 0.02 * rows
        return self._tail > bar or stale > 1000 + 0.5 * rows

    def compact(self, stale: Sequence[int]) -> None:
        """Drops the rows of stale versions and merges small files.

        Readers go on: old files are removed only after the new version is on the disk, by `remove_old`.
        StorageFull leaves the table usable as it is.
        """
        with storage_errors():
            try:
                for predicate in _predicates(stale):
                    self._lance.delete(predicate)
                self._optimize()
                self._acknowledge()
            except BaseException:
                self._take_back()
                raise
        self._tail = 0

    def remove_old(self) -> None:
        """Removes the files of older versions. Nothing reads them: searches are answered from memory."""
        with storage_errors(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of readers of older versions
            (self.folder / "_refs" / "tags" / f"{_TAG}.json").unlink(missing_ok=True)
            self._lance.tags.create(_TAG, self._acknowledged)
            self._lance.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
            self._acknowledge()
        self._lance = open_newest(self.folder)  # the old session's caches hold the removed files open

    def _optimize(self) -> None:
        """Merges files, keeping every version, until nothing is left to do."""
        for _ in range(_MOST_ROUNDS):
            before = self._lance.version
            self._lance.optimize(cleanup_older_than=_KEEP_ALL)
            if self._lance.version == before:
                return

    def _acknowledge(self) -> None:
        """Forces the newest version to the disk, then notes that it is there."""
        self._ledger.sync()
        version = int(self._lance.version)
        versions.acknowledge(self.folder, version)
        self._acknowledged = version

    def _take_back(self) -> None:
        """Returns to the acknowledged version after a failed commit, and frees what it took."""
        versions.discard_beyond(self.folder, self._acknowledged)
        versions.acknowledge(self.folder, self._acknowledged)  # the commit may have failed in noting it
        self._ledger.remove_new()
        self._lance = open_newest(self.folder)


def _recover(folder: Path, views: Path) -> int:
    """The version to open: the acknowledged one, and no later one is left. ValueError where it is lost.

    A server that is killed leaves later versions behind; they are dropped. One of an older tieback could also
    be killed after it had removed files of the acknowledged version and before it acknowledged the later
    version that was to replace it: then that one is all there is, and it is taken.
    """
    try:
        known = versions.acknowledged(folder)
    except FileNotFoundError:
        raise ValueError("the note of the acknowledged version is missing") from None
    there = versions.manifests(folder)
    newest = next(iter(there), 0)
    if newest > known:
        if readable(folder, known, views):
            versions.discard_beyond(folder, known)
        elif readable(folder, newest, views):
            _log.warning(
                "collection %s: version %d is no longer whole; version %d is, and is taken in its place",
                *(folder.stem, known, newest),
            )
            for path in folder.rglob("*"):
                sync_path(path)
            versions.acknowledge(folder, newest)
            return newest
        else:
            raise ValueError("no complete version is left")
    elif known not in there:
        raise ValueError("the manifest of the acknowledged version is missing")
    return known


def readable(folder: Path, version: int, views: Path) -> bool:
    """Whether all rows of a version can be read; reads them."""
    try:
        seen = versions.view(folder, version, views)
        try:
            for _ in TableReader(seen).scan():
                pass
        finally:
            shutil.rmtree(seen, ignore_errors=True)
    except Exception as error:  # noqa: BLE001 - whatever Lance says of a damaged file
        _log.debug("version %d of %s cannot be read: %s", version, folder.stem, error)
        return False
    return True


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
