"""The folders of snapshots: filled at one moment, whole by one rename, and verified before they are read.

    snapshots/TENANT/NAME/   "_" stands for the tenant where no tokens are asked for
      manifest.json          what it is, and its files (`index/snapshots/manifest.py`)
      table/                 the files of one version of the collection's Lance table
      originals/SHA256       what its sections were encoded from
      sources.json           the folders that its items came from

Neither files of Lance tables nor originals are ever changed, so a snapshot has hard links to those of its
collection, and a restored collection to those of its snapshot. Where the file system has none, they are
copies. Each folder can be copied to the store of another server.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tieback.collections.description import Description
from tieback.core.durable_files import link_or_copy, sync_folders, sync_path, write_through
from tieback.core.errors import DamagedSnapshot, Unavailable
from tieback.core.tenant import NAME, CollectionKey
from tieback.index.snapshots.archive import unpack
from tieback.index.snapshots.manifest import MANIFEST, ORIGINALS, SOURCES, TABLE, Manifest, SnapshotFile
from tieback.index.store import versions
from tieback.index.store.folder import FORMAT
from tieback.index.store.originals import folder_of

_BLOCK = 4 * 1024 * 1024  # bytes that are hashed at a time

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Moment:
    """A collection at one moment.

    `folder` is that of its table, `files` the paths of those of the acknowledged version, Lance's own
    manifest first. `sources` are as kept, and empty where there are none. `counts` are of items, sections and
    vectors.
    """

    description: Description
    folder: Path
    files: Sequence[Path]
    originals: Sequence[str]
    sources: bytes
    counts: tuple[int, int, int]


class SnapshotFolders:
    """The snapshots of a store. Everything blocks, and is called from one thread at a time."""

    def __init__(self, directory: Path, making: Path, leaving: Path) -> None:
        self._directory, self._making, self._leaving = directory, making, leaving
        self._stopping = threading.Event()
        directory.mkdir(mode=0o700, exist_ok=True)
        sync_path(directory.parent)

    def stop(self) -> None:
        """Has what runs end soon, with Unavailable, leaving nothing behind. For any thread."""
        self._stopping.set()

    def found(self) -> list[CollectionKey]:
        """The owners and names of all snapshots, whole or not."""
        nobody = folder_of("")
        keys = [
            CollectionKey("" if folder.parent.name == nobody else folder.parent.name, folder.name)
            for folder in self._directory.glob("*/*")
            if folder.is_dir()
        ]
        return sorted(
            key for key in keys if NAME.fullmatch(key.name) and (not key.owner or NAME.fullmatch(key.owner))
        )

    def read(self, key: CollectionKey) -> Manifest:
        """A snapshot's manifest. DamagedSnapshot or Unsupported where it cannot be read."""
        try:
            data = (self.folder(key) / MANIFEST).read_bytes()
        except OSError:
            data = b""
        return Manifest.from_json(key.name, data)

    def size(self, key: CollectionKey) -> int:
        """Bytes of a snapshot's files."""
        return size_of(self.folder(key))

    def collect(self, moment: Moment, original: Callable[[str], Path]) -> Path:
        """A new folder with all that a collection is at a moment; `original` says where an original is."""
        made = self._new_folder()
        try:
            for path in moment.files:
                self._link(path, made / TABLE / path.relative_to(moment.folder))
            for name in moment.originals:
                with suppress(FileNotFoundError):  # the collection does not have it either
                    self._link(original(name), made / ORIGINALS / name)
            if moment.sources:
                write_through(made / SOURCES, moment.sources)
        except BaseException:
            discard(made)
            raise
        return made

    def publish(
        self, key: CollectionKey, made: Path, moment: Moment, *, tieback: str, created: float
    ) -> Manifest:
        """Hashes what was collected, and makes it a snapshot: it is there, durably, when this returns."""
        known = moment.description
        manifest = Manifest(
            *(tieback, FORMAT, created, known.name, json.loads(known.to_json()), *moment.counts),
            files=list(self._hashed_files(made)),
        )
        write_through(made / MANIFEST, manifest.to_json())
        self.put(key, made)
        return manifest

    def put(self, key: CollectionKey, made: Path) -> None:
        """Has a whole folder be a snapshot, durably. OSError where its name is taken."""
        sync_folders(made)
        folder = self.folder(key)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        sync_path(self._directory)
        made.rename(folder)
        try:
            sync_path(folder.parent)
        except OSError:
            folder.rename(made)
            raise

    def unpack(self, key: CollectionKey, archive: Path) -> tuple[Path, Manifest]:
        """A new folder with what is in an archive that somebody sent; see `snapshot_archive.unpack`."""
        made = self._new_folder()
        made.mkdir()
        try:
            return made, unpack(archive, key.name, made, self._stop_here)
        except BaseException:
            discard(made)
            raise

    def verify(self, key: CollectionKey, manifest: Manifest) -> None:
        """Reads every file. DamagedSnapshot where one is missing or is not what was written."""
        wrong = [file.name for file in manifest.files if not self._is_as_written(key, file)]
        if wrong:
            _log.error("files of the snapshot %s are damaged: %s", key, ", ".join(wrong[:20]))
            raise DamagedSnapshot(
                f"{len(wrong)} of the {len(manifest.files)} files of the snapshot {key.name!r} are damaged "
                "or missing; nothing was restored: restore another snapshot, or copy this one here again "
                "from where it is whole"
            )

    def table(self, key: CollectionKey, manifest: Manifest, name: str) -> Path:
        """A new folder with the table of a snapshot, for a collection of that name. All of it is durable.

        ValueError where the manifest lists no table.
        """
        made = self._making / f"{name}-{secrets.token_hex(8)}.lance"
        try:
            for file in manifest.files:
                if file.name.startswith(f"{TABLE}/"):
                    self._link(self.folder(key) / file.name, made / file.name.removeprefix(f"{TABLE}/"))
            (version,) = versions.manifests(made)
            versions.acknowledge(made, version)
            sync_folders(made)
        except BaseException:
            discard(made)
            raise
        return made

    def originals(self, key: CollectionKey, manifest: Manifest) -> dict[str, Path]:
        """The files of a snapshot's originals, by their SHA-256."""
        names = [file.name for file in manifest.files if file.name.startswith(f"{ORIGINALS}/")]
        return {name.removeprefix(f"{ORIGINALS}/"): self.folder(key) / name for name in names}

    def sources(self, key: CollectionKey, manifest: Manifest) -> Path | None:
        """The file of a snapshot's sources, where it has some."""
        has_some = any(file.name == SOURCES for file in manifest.files)
        return self.folder(key) / SOURCES if has_some else None

    def holds(self, manifest: Manifest, moment: Moment) -> bool:
        """Whether a collection is, at a moment, exactly what a snapshot holds.

        Lance never gives two versions the same manifest: it names the files, and no name is used again.
        """
        kept = {file.name: file.sha256 for file in manifest.files}
        name = f"{TABLE}/{moment.files[0].relative_to(moment.folder).as_posix()}"
        sources = hashlib.sha256(moment.sources).hexdigest() if moment.sources else None
        return kept.get(name) == self._hashed(moment.files[0])[1] and kept.get(SOURCES) == sources

    def remove(self, key: CollectionKey) -> None:
        """Removes a snapshot: gone, durably, when this returns; there as before on OSError."""
        folder, left = self.folder(key), self._leaving / f"snapshot-{secrets.token_hex(8)}"
        folder.rename(left)
        try:
            sync_path(folder.parent)
        except OSError:
            left.rename(folder)
            raise
        discard(left)

    def folder(self, key: CollectionKey) -> Path:
        """Where a snapshot is, if it is there."""
        return self._directory / folder_of(key.owner) / key.name

    def _new_folder(self) -> Path:
        return self._making / f"snapshot-{secrets.token_hex(8)}"

    def _link(self, source: Path, target: Path) -> None:
        self._stop_here()
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(source, target)

    def _hashed_files(self, made: Path) -> Iterator[SnapshotFile]:
        """Every file of a new snapshot. An original that is damaged is left out: it is none any more."""
        for path in sorted(made.rglob("*")):
            if path.is_dir():
                continue
            name, (size, sha256) = path.relative_to(made).as_posix(), self._hashed(path)
            if name.startswith(f"{ORIGINALS}/") and path.name != sha256:
                path.unlink()
                continue
            yield SnapshotFile(name, size, sha256)

    def _is_as_written(self, key: CollectionKey, file: SnapshotFile) -> bool:
        path = self.folder(key) / file.name
        try:
            if path.stat(follow_symlinks=False).st_size != file.bytes:
                return False
            return self._hashed(path) == (file.bytes, file.sha256)
        except OSError:
            return False

    def _hashed(self, path: Path) -> tuple[int, str]:
        """The file's size and SHA-256."""
        size, digest = 0, hashlib.sha256()
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                self._stop_here()
                size += len(block)
                digest.update(block)
        return size, digest.hexdigest()

    def _stop_here(self) -> None:
        if self._stopping.is_set():
            raise Unavailable("the index is shutting down; nothing of this was kept")


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def discard(folder: Path) -> None:
    """Removes a folder that is no snapshot, or none any more; what stays is removed at the next start."""
    shutil.rmtree(folder, ignore_errors=True)
