"""A snapshot as one tar file, each byte of which follows from the snapshot: parts are read by their offset.

The manifest comes first, then the files in its order, with no owner and no date. What is taken in has to be
exactly such a file: headers are compared and not interpreted, so no name in an archive leads anywhere.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from tieback.core.durable_files import write_through
from tieback.core.errors import DamagedSnapshot, StorageFull
from tieback.index.snapshots.manifest import MANIFEST, Manifest, SnapshotFile

_BLOCK = tarfile.BLOCKSIZE
_COPIED = 4 * 1024 * 1024  # bytes at a time
MANIFEST_BYTES = 64 * 1024 * 1024
"""Bytes of a manifest that is taken in: of some 300,000 files."""


class Archive:
    """The tar file of a snapshot in a folder, with the bytes of its manifest; it is nowhere as a whole."""

    def __init__(self, manifest: bytes, files: Sequence[SnapshotFile], folder: Path) -> None:
        self._parts: list[bytes | Path] = []
        self._begins = [0]  # of the parts, and the end of the last
        self._add_file(MANIFEST, manifest, len(manifest))
        self.headers = [(self.size, self._add_file(one.name, folder / one.name, one.bytes)) for one in files]
        """Places and contents of the headers of the files, without that of the manifest."""
        self._add(bytes(2 * _BLOCK), 2 * _BLOCK)

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._begins[-1]

    def read(self, offset: int, most: int) -> bytes:
        """At most so many bytes from an offset on, and fewer at its end. EOFError as in a file of it."""
        parts, end = [], min(offset + most, self.size)
        while offset < end:
            number = bisect_right(self._begins, offset) - 1
            begin, until = self._begins[number], min(end, self._begins[number + 1])
            parts.append(_slice(self._parts[number], offset - begin, until - begin))
            offset += len(parts[-1])
        return b"".join(parts)

    def _add_file(self, name: str, source: bytes | Path, size: int) -> bytes:
        header = _header(name, size)
        self._add(header, len(header))
        self._add(source, size)
        self._add(bytes(-size % _BLOCK), -size % _BLOCK)  # fills up the last block
        return header

    def _add(self, part: bytes | Path, size: int) -> None:
        self._parts.append(part)
        self._begins.append(self.size + size)


def _slice(source: bytes | Path, begin: int, end: int) -> bytes:
    """At least one of these bytes. EOFError where the file is shorter than it was."""
    if isinstance(source, bytes):
        return source[begin:end]
    with source.open("rb") as file:
        file.seek(begin)
        data = file.read(end - begin)
    if not data:
        raise EOFError(source.name)
    return data


def archive_of(folder: Path, snapshot: str) -> Archive:
    """The archive of a snapshot. OSError where it is gone, DamagedSnapshot where its manifest is."""
    found = (folder / MANIFEST).stat()
    return _archive_of(folder, snapshot, (found.st_ino, found.st_mtime_ns))


@lru_cache(4)  # of those that were read last: making one reads the whole manifest
def _archive_of(folder: Path, snapshot: str, _identity: tuple[int, int]) -> Archive:
    data = (folder / MANIFEST).read_bytes()
    return Archive(data, Manifest.from_json(snapshot, data).files, folder)


def unpack(archive: Path, snapshot: str, made: Path, check: Callable[[], None]) -> Manifest:
    """Makes the folder of a snapshot, but for its name, of an archive that somebody sent.

    DamagedSnapshot where it is not what `Archive` gave; Unsupported where it is of another format. `check` is
    called now and then, and may raise.
    """
    with archive.open("rb") as file:
        data = _manifest(file.read(_BLOCK), file.read, snapshot)
        manifest = Manifest.from_json(snapshot, data)
        known = Archive(data, manifest.files, made)
        if known.size != os.fstat(file.fileno()).st_size:
            raise _refused(snapshot, "its size is not what its manifest says")
        for entry, (begin, header) in zip(manifest.files, known.headers, strict=True):
            file.seek(begin)
            if file.read(len(header)) != header:
                raise _refused(snapshot, f"{entry.name} is not where it should be")
            path = made / entry.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if _copy(file.read, path, entry.bytes, check) != entry.sha256:
                raise _refused(snapshot, f"{entry.name} is not what was exported")
        write_through(made / MANIFEST, data, mode=0o600)
    return manifest


def _manifest(header: bytes, read: Callable[[int], bytes], snapshot: str) -> bytes:
    try:
        first = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise _refused(snapshot, "it is no file that an export wrote") from error
    if header != _header(MANIFEST, max(first.size, 0)):
        raise _refused(snapshot, "it is no file that an export wrote")
    if first.size > MANIFEST_BYTES:
        raise StorageFull(f"the manifest has {first.size:,} bytes, and at most {MANIFEST_BYTES:,} are taken")
    return read(first.size)


def _copy(read: Callable[[int], bytes], path: Path, size: int, check: Callable[[], None]) -> str:
    """Copies so many bytes to a new file, durably; returns their SHA-256."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while size:
            check()
            data = read(min(size, _COPIED))
            if not data:
                break
            digest.update(data)
            file.write(data)
            size -= len(data)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


def _refused(snapshot: str, why: str) -> DamagedSnapshot:
    return DamagedSnapshot(
        f"the snapshot {snapshot!r} was not imported: {why}; export it again, and import that file"
    )
