"""What sections were encoded from: pictures, sounds, point clouds, features, kept to encode them again.

    originals/TENANT/SHA256      "_" stands for the tenant where no tokens are asked for

A file is named by the sha256 of its bytes, so that what was sent twice is stored once; tenants do not share.
It is complete and on the disk before a row refers to it, and is removed once no section of the tenant does.
Which ones are referred to is known from the collections in memory: a file that a killed server left behind is
swept at its next start. All writing and removing is on one thread, so that no file is removed while a write
relies on it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import numpy as np

from tieback.collections.record import Original
from tieback.core.durable_files import link_or_copy, storing, sync_path, write_through
from tieback.core.errors import StorageFull

_NOBODY = "_"
_PARTIAL = ".partial"
_POINT = np.dtype("<f4")

_log = logging.getLogger(__name__)


class Originals:
    """The originals of all tenants, at most `most` bytes of them; 0 keeps no more than are there."""

    def __init__(self, directory: Path, most: int) -> None:
        self._directory, self._most = directory, most
        self._thread = ThreadPoolExecutor(1, "index-originals")
        self._needed: Counter[tuple[str, str]] = Counter()  # by writes under way
        self.bytes = 0
        directory.mkdir(mode=0o700, exist_ok=True)
        for path in directory.glob(f"*/*{_PARTIAL}"):
            path.unlink()
        for path in directory.glob("*/*"):
            self.bytes += path.stat().st_size

    @property
    def keeps(self) -> bool:
        """Whether more are kept."""
        return self._most > 0

    def sweep(self, referred: Mapping[str, Iterable[str]]) -> None:
        """Removes what no section refers to, by folder; for the start, before anything is written."""
        for folder, names in referred.items():
            known = frozenset(names)
            for path in (self._directory / folder).glob("*"):
                if path.name not in known:
                    self._remove(path)

    @asynccontextmanager
    async def kept(self, owner: str, contents: Mapping[str, bytes | Path]) -> AsyncIterator[None]:
        """Inside, these are on the disk and stay there; the caller then writes what refers to them.

        A content may be given as a file that nobody changes. StorageFull where they are too much, Unavailable
        where they cannot be written.
        """
        with self.needed(owner, contents):
            if contents:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._thread, self._keep, owner, contents)
            yield

    @contextmanager
    def needed(self, owner: str, names: Collection[str]) -> Iterator[None]:
        """Inside, none of these is removed, though nothing may refer to it any more."""
        keys = [(owner, name) for name in names]
        self._needed.update(keys)
        try:
            yield
        finally:
            self._needed.subtract(keys)
            self._needed += Counter()  # forgets those at 0

    def file_of(self, owner: str, name: str) -> Path:
        """Where an original is, if it is there."""
        return self._folder(owner) / name

    async def release(self, owner: str, names: Iterable[str], is_referred: Callable[[str], bool]) -> None:
        """Removes those that nothing refers to and no write under way needs."""
        wanted = tuple(names)
        if wanted:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._release, owner, wanted, is_referred)

    def read(self, owner: str, original: Original) -> bytes | None:
        """The bytes, or None where they are missing or are not what was stored. Blocks."""
        try:
            data = (self._folder(owner) / original.sha256).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != original.sha256:
            _log.error("an original of %s is damaged: %s", owner or "nobody", original.sha256)
            return None
        return data

    def close(self) -> None:
        """Waits for what is under way."""
        self._thread.shutdown()

    def _folder(self, owner: str) -> Path:
        return self._directory / folder_of(owner)

    def _keep(self, owner: str, contents: Mapping[str, bytes | Path]) -> None:
        folder = self._folder(owner)
        fresh = {name: data for name, data in contents.items() if not (folder / name).exists()}
        size = sum(map(_size, fresh.values()))
        if fresh and self.bytes + size > self._most:
            raise StorageFull(
                f"the originals that this server keeps take {self.bytes:,} of at most {self._most:,} bytes, "
                f"and these are {size:,} more; nothing of this was written: remove items, or raise "
                "TIEBACK_ORIGINALS_BYTES (0 keeps none)"
            )
        with storing():
            try:
                if not folder.is_dir():
                    folder.mkdir(mode=0o700)
                    sync_path(self._directory)
                for name, data in fresh.items():
                    _write(folder / name, data)
                sync_path(folder)
            except OSError:
                for name in fresh:
                    (folder / name).unlink(missing_ok=True)
                raise
        self.bytes += size

    def _release(self, owner: str, names: Iterable[str], is_referred: Callable[[str], bool]) -> None:
        for name in names:
            if not self._needed[owner, name] and not is_referred(name):
                self._remove(self._folder(owner) / name)

    def _remove(self, path: Path) -> None:
        with suppress(OSError):
            size = path.stat().st_size
            path.unlink()
            self.bytes -= size


def folder_of(owner: str) -> str:
    """The folder of a tenant's originals."""
    return owner or _NOBODY


def _size(content: bytes | Path) -> int:
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _write(path: Path, content: bytes | Path) -> None:
    """Puts a complete file there in one step; its name is durable once the folder is synced."""
    partial = path.with_name(path.name + _PARTIAL)
    if isinstance(content, Path):
        partial.unlink(missing_ok=True)  # of a write that failed
        link_or_copy(content, partial)
    else:
        write_through(partial, content, mode=0o600)
    partial.rename(path)
