"""The index store: a folder with one Lance table per collection.

A tenant's collections are in a folder of its name. Where no tokens are asked for there is one tenant, which
has none.

store/
  lock           held while a server has the store open
  store.json     the format's version and the key of page tokens
  collections/   [TENANT/]NAME.lance, one per collection; what it is stands in its table's schema
  sources/       [TENANT/]NAME.json, the folders that a collection's items come from, and its plan of queries
  generations/   [TENANT/]NAME.lance, tables that are to take a collection's place
  (`index/migration/generations.py`);
                 beside one that is read until then, [TENANT/]NAME.json (`index/migration/notes.py`)
  originals/     what sections were encoded from (`index/store/originals.py`)
  upgrades/      TENANT/NAME/, what upgrades of a collection's space learned; "_" stands for no tenant
  heads/         TENANT/NAME/, classifiers over the vectors of a space (`tieback.classifier`)
  operations/    the journal of what runs for minutes (`tieback.operations`)
  snapshots/     TENANT/NAME/, collections as they were at a moment (`index/snapshots/files.py`)
  making/        tables and snapshots on their way, put in their place by one rename when they are complete
  leaving/       tables and snapshots on their way out, taken there by one rename before they are removed
  views/         links to single versions of tables that are being looked at (`index/store/versions.py`)

A collection whose files are damaged does not keep the others from being opened.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tieback.collections.description import Description
from tieback.collections.sources import Sources
from tieback.core.durable_files import StoreLock, sync_path, write_durably
from tieback.core.errors import StartupError
from tieback.core.tenant import NAME, CollectionKey
from tieback.core.types.fusion import Routing
from tieback.index.store import versions
from tieback.index.store.originals import folder_of
from tieback.index.store.reading import TableReader
from tieback.index.store.records import schema
from tieback.index.store.table import Table

FORMAT = 10
"""Changes whenever the files, the columns of tables or their descriptions do. Another one is refused."""

_DESCRIPTION = "tieback"
_COMPLETE = (
    "complete"  # in a generation that has taken its collection's place, or is to do so at the next start
)
DEFAULT = Routing()


class Store:
    """An open store, locked against other servers. StartupError says what to do where it cannot be opened."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = StoreLock(directory / "lock")
        except OSError as error:
            raise StartupError(
                f"the index store {directory} cannot be opened: {error.strerror}; make it a folder that this "
                "user may write to, or name another with --store or TIEBACK_STORE"
            ) from error
        try:
            self.page_key = self._read_format()
            self._collections, self._sources, self.making, self.leaving, self.views = (
                directory / name for name in ("collections", "sources", "making", "leaving", "views")
            )
            self.generations_folder, self._upgrades = directory / "generations", directory / "upgrades"
            self.originals = directory / "originals"
            for folder in (self.making, self.leaving, self.views):  # what a killed server left half done
                shutil.rmtree(folder, ignore_errors=True)
            for folder in (
                *(self._collections, self._sources, self.making, self.leaving, self.views),
                self.generations_folder,
            ):
                folder.mkdir(exist_ok=True)
            sync_path(directory)
            for key, folder in _tables(self.generations_folder).items():
                if (folder / _COMPLETE).exists():
                    self._replace(key)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, OSError):
                raise StartupError(
                    f"the index store {directory} cannot be written: {error.strerror}; free space, or see "
                    "that this user may write there"
                ) from error
            raise

    def found(self) -> list[CollectionKey]:
        """The collections, sound or not."""
        return sorted(tables(self.directory))

    def open(self, key: CollectionKey) -> tuple[Description, Table]:
        """A collection as it was last acknowledged. Whatever Lance raises passes where it is damaged."""
        table = Table(self._folder(key), self.views / key.owner)
        return described(key, table), table

    def remains(self, key: CollectionKey) -> Iterator[tuple[Description, TableReader]]:
        """Each version of a damaged collection that can be opened, newest first, for reading only."""
        folder = self._folder(key)
        for version in versions.manifests(folder):
            with suppress(Exception):  # whatever Lance raises: an older version may still be read
                table = TableReader(versions.view(folder, version, self.views / key.owner))
                yield described(key, table), table

    def create(self, description: Description) -> Table:
        """Makes a collection; it is there, durably, when this returns, and not at all before."""
        key = description.key
        sources = self._sources_path(key)
        _make_folder(sources.parent)
        sources.unlink(missing_ok=True)  # of a removal that was cut short
        shutil.rmtree(self.upgrades(key), ignore_errors=True)
        return self._create(description, self._folder(key))

    def adopt(self, key: CollectionKey, made: Path, sources: bytes) -> tuple[Description, Table]:
        """Has a whole table, durable in `making/`, become a collection with these sources.

        As with `create`, it is there, durably, when this returns, and not at all before. OSError where its
        name is taken.
        """
        folder, path = self._folder(key), self._sources_path(key)
        for parent in (folder.parent, path.parent):
            _make_folder(parent)
        if sources:
            write_durably(path, sources)
        else:
            path.unlink(missing_ok=True)  # of a removal that was cut short
        shutil.rmtree(self.upgrades(key), ignore_errors=True)
        made.rename(folder)
        try:
            sync_path(folder.parent)
            return self.open(key)
        except BaseException:
            folder.rename(made)
            raise

    def create_generation(self, description: Description) -> Table:
        """Makes an empty generation of a collection, as `create` does."""
        return self._create(description, self._generation(description.key))

    def _create(self, description: Description, folder: Path) -> Table:
        made = self.making / folder.name
        Table.create(made, schema(description.width, {_DESCRIPTION: description.to_json()}))
        _make_folder(folder.parent)
        made.rename(folder)
        sync_path(folder.parent)
        return Table(folder, self.views / description.key.owner)

    def generations(self) -> list[CollectionKey]:
        """The collections of which there is a generation."""
        return sorted(_tables(self.generations_folder))

    def open_generation(self, key: CollectionKey) -> tuple[Description, Table]:
        """A generation as it was last acknowledged. Whatever Lance raises passes where it is damaged."""
        table = Table(self._generation(key), self.views / key.owner)
        return described(key, table), table

    def remove_generation(self, key: CollectionKey) -> None:
        """Removes a generation, if there is one; half of one is none."""
        folder = self._generation(key)
        with suppress(FileNotFoundError):
            left = self.leaving / f"{key.name}.{secrets.token_hex(4)}"
            folder.rename(left)
            sync_path(folder.parent)
            shutil.rmtree(left, ignore_errors=True)

    def take_place(self, key: CollectionKey) -> tuple[Description, Table, Path | None]:
        """Has a generation take its collection's place, durably; returns it, and where the old files are now.

        Once its note is on the disk there is no way back: what is left to do is done at the next start.
        """
        note = self._generation(key) / _COMPLETE
        write_durably(note, b"")
        try:
            left = self._replace(key)
        except OSError:
            with suppress(FileNotFoundError):
                note.unlink()
                sync_path(note.parent)
            raise
        description, table = self.open(key)
        return description, table, left

    def _replace(self, key: CollectionKey) -> Path | None:
        folder, left = self._folder(key), None
        _make_folder(folder.parent)
        if folder.exists():
            left = self.leaving / f"{key.name}.{secrets.token_hex(4)}"
            folder.rename(left)
            sync_path(folder.parent)
        try:
            self._generation(key).rename(folder)
        except OSError:
            if left is not None:
                left.rename(folder)
            raise
        sync_path(folder.parent)
        sync_path(self._generation(key).parent)
        (folder / _COMPLETE).unlink(missing_ok=True)
        return left

    def sources(self, key: CollectionKey) -> Sources:
        """The sources of a collection. ValueError, KeyError or TypeError where their file is damaged."""
        return Sources(self._sources_path(key))

    def take_out(self, key: CollectionKey) -> Path:
        """Takes a collection out of the store: gone, durably, when this returns; there as before on OSError.

        Returns where its files are now, to be removed at leisure; those that stay are removed at the next
        start.
        """
        folder, left = self._folder(key), self.leaving / f"{key.name}.{secrets.token_hex(4)}"
        folder.rename(left)
        try:
            sync_path(folder.parent)
            sync_path(self.leaving)
        except OSError:
            left.rename(folder)
            raise
        with suppress(OSError):  # `create` removes one that stays
            self._sources_path(key).unlink(missing_ok=True)
        shutil.rmtree(self.upgrades(key), ignore_errors=True)
        return left

    def upgrades(self, key: CollectionKey) -> Path:
        """The folder, which may not be there, of what upgrades of a collection's space learned.

        It is removed with the collection.
        """
        return self._upgrades / folder_of(key.owner) / key.name

    def _generation(self, key: CollectionKey) -> Path:
        return self.generations_folder / key.owner / f"{key.name}.lance"

    def _sources_path(self, key: CollectionKey) -> Path:
        return self._sources / key.owner / f"{key.name}.json"

    def _folder(self, key: CollectionKey) -> Path:
        return self._collections / key.owner / f"{key.name}.lance"

    def close(self) -> None:
        """Lets another server open the store."""
        self._lock.release()

    def _read_format(self) -> bytes:
        path = self.directory / "store.json"
        if not path.exists():
            others = [
                p.name for p in self.directory.iterdir() if p.name not in ("lock", ".store.json.partial")
            ]
            if others:
                raise StartupError(
                    f"the folder {self.directory} holds other things than an index store (among them "
                    f"{others[0]!r}); name an empty or a new folder with --store or TIEBACK_STORE"
                )
            content = {"format": FORMAT, "page_key": secrets.token_hex(32)}
            write_durably(path, json.dumps(content).encode(), mode=0o600)
        try:
            known = json.loads(path.read_text())
            version, key = int(known["format"]), bytes.fromhex(known["page_key"])
        except (ValueError, KeyError, TypeError) as error:
            raise StartupError(
                f"{path} is damaged; restore it from a backup, or remove the whole folder and index again"
            ) from error
        if version == FORMAT:
            return key
        writer, remedy = "a newer tieback", "install that version, or name another folder with TIEBACK_STORE"
        if version < FORMAT:
            writer, remedy = "an older tieback", "name another folder with TIEBACK_STORE, and index again"
        raise StartupError(
            f"the index store {self.directory} was written by {writer} (format {version}; this one reads "
            f"{FORMAT}); {remedy}"
        )


def tables(directory: Path) -> dict[CollectionKey, Path]:
    """The folders of a store's collections, sound or not."""
    return _tables(directory / "collections")


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir()
        sync_path(folder.parent)


def _tables(collections: Path) -> dict[CollectionKey, Path]:
    found = {CollectionKey("", folder.stem): folder for folder in collections.glob("*.lance")}
    for folder in collections.glob("*/*.lance"):
        if NAME.fullmatch(folder.parent.name):
            found[CollectionKey(folder.parent.name, folder.stem)] = folder
    return found


def described(key: CollectionKey, table: TableReader) -> Description:
    """What a collection's table says of it."""
    return Description.from_json(key, table.schema.metadata[_DESCRIPTION.encode()])
