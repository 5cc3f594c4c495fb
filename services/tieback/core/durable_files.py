"""Files that are written whole or not at all, and what is forced to the disk."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tieback.core.errors import StartupError, StorageFull, Unavailable

# What file systems say that have no hard links, have as many of a file as they allow, or are two.
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})

_log = logging.getLogger(__name__)


class StoreLock:
    """Holds `path`, in a folder that is a `what`, locked until `release`.

    StartupError, naming the holder, where another process has it.
    """

    def __init__(self, path: Path, what: str = "index store") -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StartupError(
                f"the {what} {path.parent} is in use by another server (process {holder}); "
                "stop that server, or give this one another folder with --store or TIEBACK_STORE"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Lets another server in."""
        os.close(self._file)


def write_durably(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Puts a small file in its place in one step that survives a power cut.

    OSError where the disk refuses or is full; what was there before stays then.
    """
    partial = path.with_name(f".{path.name}.partial")
    write_through(partial, content, mode)
    partial.rename(path)
    sync_path(path.parent)


def write_through(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Writes a file and forces it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:  # a single write may leave out what finds no room
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def storing() -> Iterator[None]:
    """StorageFull or Unavailable where the disk refuses what is written or read inside."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("the disk is full; nothing was changed: free space and try again") from error
        _log.error("the disk refuses to read or write: %s", error)
        raise Unavailable("the disk refuses to read or write, and nothing was changed; try again") from error


def link_or_copy(source: Path, target: Path) -> None:
    """Gives a file that is durable and that nobody changes a second name, `target`, which must be free.

    Where the file system has no hard links, it is copied, and the copy forced to the disk. The name is
    durable once its folder is synced.
    """
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        copy_through(source, target)


def copy_through(source: Path, target: Path) -> None:
    """Copies a file with its mode to a name that is free, and forces it to the disk."""
    with source.open("rb") as original:
        mode = stat.S_IMODE(os.fstat(original.fileno()).st_mode)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as copy:
            shutil.copyfileobj(original, copy, 1024 * 1024)
            copy.flush()
            os.fsync(copy.fileno())


def sync_path(path: str | Path) -> None:
    """Forces a file's content, or a folder's list of names, to the disk. One that went away is no fault."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_folders(folder: Path) -> None:
    """Forces the lists of names of a folder and of all folders in it to the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_path(path)
    sync_path(folder)


_NO_SPACE = re.compile(r"No space left|os error (28|122|27)\b|quota exceeded|File too large", re.IGNORECASE)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Whoever met them, they become StorageFull."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        if not _NO_SPACE.search(str(error)):
            raise
        raise StorageFull(
            "the index store's disk is full; nothing of this request was written, and what was acknowledged "
            "before is safe: free space or delete a collection, then send it again"
        ) from error
