"""The versions of a collection's table on disk: which there are, and which one was acknowledged.

Lance reads the newest manifest first, whatever version is asked for, so a broken newest one would hide the
good ones before it. A view is a folder of symbolic links to the table's files and to a single manifest: Lance
opens that version through it, and nothing of the table is changed.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from tieback.core.durable_files import sync_path

_NOTE = "acknowledged"
_MANIFESTS = "_versions"
_HINT = "latest_version_hint.json"
_TAGS = "_refs"


def manifests(folder: Path) -> dict[int, Path]:
    """The manifests on disk by version, newest first."""
    found = {}
    for path in (folder / _MANIFESTS).glob("*.manifest"):
        with suppress(ValueError):
            # Lance names manifests by 2^64 - 1 - version, so that the newest is listed first.
            found[2**64 - 1 - int(path.stem)] = path
    return dict(sorted(found.items(), reverse=True))


def acknowledged(folder: Path) -> int:
    """The version that was last forced to the disk. ValueError or OSError where the note is lost."""
    return int((folder / _NOTE).read_text())


def acknowledge(folder: Path, version: int) -> None:
    """Notes durably that a version, whose files have been synced, is on the disk.

    Overwritten in place: that needs no space, and so few bytes are written whole or not at all.
    """
    descriptor = os.open(folder / _NOTE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.pwrite(descriptor, f"{version:020}\n".encode(), 0)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def discard_beyond(folder: Path, version: int) -> None:
    """Removes the manifests of later versions, durably."""
    later = [path for known, path in manifests(folder).items() if known > version]
    for path in later:
        path.unlink()
    if later:
        (folder / _MANIFESTS / _HINT).unlink(missing_ok=True)
        sync_path(folder / _MANIFESTS)


def view(folder: Path, version: int, views: Path) -> Path:
    """A folder through which Lance sees only this version. OSError or KeyError where it cannot be made."""
    manifest = manifests(folder)[version]
    made = views / f"{folder.stem}.{version}.lance"
    shutil.rmtree(made, ignore_errors=True)
    (made / _MANIFESTS).mkdir(parents=True)
    for path in folder.iterdir():
        if path.is_dir() and path.name != _MANIFESTS:
            (made / path.name).symlink_to(path.absolute())
    (made / _MANIFESTS / manifest.name).symlink_to(manifest.absolute())
    return made


def files(folder: Path, version: int) -> list[Path]:
    """The files of a version, its manifest first; Lance never changes them. Others may be among them.

    KeyError where it has no manifest.
    """
    found = [manifests(folder)[version]]
    for part in folder.iterdir():
        # Tags name versions that a copy of this one does not have.
        if part.is_dir() and part.name not in (_MANIFESTS, _TAGS):
            found += [path for path in part.rglob("*") if path.is_file() and not _is_partial(path, folder)]
    return found


def _is_partial(path: Path, folder: Path) -> bool:
    """Whether a file is of something that is still being written (`Artifact.save`)."""
    return any(name.startswith(".") for name in path.relative_to(folder).parts)
