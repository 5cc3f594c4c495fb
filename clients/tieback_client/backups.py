"""Backups: a folder with a file for each collection, verified by restoring it.

    FOLDER/20261127T053500Z/library.tar, …, backup.json

A backup is written beside its name and gets the name when all of it is verified: what has its name is whole.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tieback_client.client import Client
from tieback_client.errors import FailedPrecondition
from tieback_client.values.documents import Collection

DESCRIPTION = "backup.json"
_NAME = re.compile(r"\d{8}T\d{6}Z")
_PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class SavedCollection:
    """A collection of a backup, and the SHA-256 of its file."""

    name: str
    items: int
    sections: int
    bytes: int
    sha256: str
    verified: bool


class NotABackup(ValueError):  # noqa: N818 - named for what was found
    """A folder that has no backup, or one that changed since; the message says which file."""


def back_up(
    client: Client, folder: Path, collections: Sequence[str] = (), *, verify: bool = True
) -> tuple[Path, list[SavedCollection]]:
    """Saves collections, or all that the tenant owns, in a new folder within `folder`, and returns it.

    To verify is to import each file again, to restore it under another name, and to compare the numbers of
    items and sections; that needs room for one more collection. What was made on the server for it is
    removed, whatever happens.
    """
    owned = [one.name for one in client.collections() if "/" not in one.name]
    unknown = [name for name in collections if name not in owned]
    if unknown:
        raise NotABackup(f"no collection of yours is named {unknown[0]!r}; there are: {', '.join(owned)}")
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    final, made = folder / stamp, folder / f"{stamp}{_PARTIAL}"
    made.mkdir(parents=True, mode=0o700)
    try:
        saved = []
        for number, name in enumerate(collections or owned):
            saved.append(_save(client, name, made, f"backup-{stamp.lower()}-{number}", verify))
        described = {"format": 1, "created": stamp, "collections": [asdict(one) for one in saved]}
        (made / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n")
        made.rename(final)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return final, saved


def _save(client: Client, name: str, folder: Path, snapshot: str, verify: bool) -> SavedCollection:
    file = folder / f"{name}.tar"
    kept = client.snapshot(name, snapshot)
    try:
        size = client.export_snapshot(snapshot, file)
    finally:
        client.delete_snapshot(snapshot)
    if verify:
        again = _restored(client, file, f"{snapshot}-check", f"{snapshot}-check", any_space=True)
        client.delete_collection(again.name)
        if (again.item_count, again.section_count) != (kept.item_count, kept.section_count):
            raise FailedPrecondition(
                f"the backup of {name} was restored with {again.item_count} items and {again.section_count} "
                f"sections, and has {kept.item_count} and {kept.section_count}"
            )
    return SavedCollection(name, kept.item_count, kept.section_count, size, _digest(file), verify)


def _restored(client: Client, file: Path, snapshot: str, name: str, *, any_space: bool) -> Collection:
    client.import_snapshot(file, snapshot)
    try:
        return client.restore(snapshot, name, any_space=any_space)
    finally:
        client.delete_snapshot(snapshot)


def backups(folder: Path) -> list[Path]:
    """The backups in a folder, the oldest first."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(one for one in found if _NAME.fullmatch(one.name) and (one / DESCRIPTION).is_file())


def remove_old(folder: Path, keep: int) -> list[Path]:
    """Removes all backups of a folder but the newest ones, and what attempts have left."""
    old = backups(folder)[:-keep] if keep else []
    left = [one for one in folder.iterdir() if one.name.endswith(_PARTIAL) and _NAME.match(one.name)]
    for one in (*old, *left):
        shutil.rmtree(one)
    return old


def saved_in(folder: Path) -> tuple[Path, list[SavedCollection]]:
    """A backup, or the newest one in a folder of backups, and what it has. NotABackup where there is none."""
    chosen = folder if (folder / DESCRIPTION).is_file() else next(reversed(backups(folder)), None)
    if chosen is None:
        raise NotABackup(f"{folder} has no backup: no folder in it has a {DESCRIPTION}")
    try:
        described = json.loads((chosen / DESCRIPTION).read_text())
        if described["format"] != 1:
            raise NotABackup(f"{chosen / DESCRIPTION} has a format of another version of tieback")
        return chosen, [SavedCollection(**one) for one in described["collections"]]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise NotABackup(f"{chosen / DESCRIPTION} is not what a backup wrote") from error


def restore_backup(
    client: Client,
    folder: Path,
    collections: Sequence[str] = (),
    *,
    prefix: str = "",
    any_space: bool = False,
) -> Iterator[Collection]:
    """Restores collections of a backup, or all, each under its name with `prefix` before it.

    Nothing is overwritten: `AlreadyExists` where a name is taken. Every file is held against its SHA-256
    before anything is sent; NotABackup names one that changed.
    """
    chosen, saved = saved_in(folder)
    by_name = {one.name: one for one in saved}
    for name in collections:
        if name not in by_name:
            raise NotABackup(f"{chosen} has no collection {name!r}; it has: {', '.join(by_name)}")
    wanted = [by_name[name] for name in collections] or saved
    for one in wanted:
        if _digest(chosen / f"{one.name}.tar") != one.sha256:
            raise NotABackup(f"{chosen / one.name}.tar is not the file that was saved")
    for number, one in enumerate(wanted):
        snapshot = f"restore-{chosen.name.lower()}-{number}"
        yield _restored(
            client, chosen / f"{one.name}.tar", snapshot, f"{prefix}{one.name}", any_space=any_space
        )


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        raise NotABackup(f"{file} is missing") from None
