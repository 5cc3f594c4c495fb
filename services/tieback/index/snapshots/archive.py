"""A snapshot as one tar file, each byte of which follows from the snapshot: parts are read by their offset.

The manifest comes first, then the files in its order, with no owner and no date. What is taken in has to be
exactly such a file: headers are compared and not interpreted, so no name in an archive leads anywhere.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback.core.durable_files import write_through
from tieback.core.errors import DamagedSnapshot, StorageFull
from tieback.index.snapshots.manifest import MANIFEST, Manifest, SnapshotFile

_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_COPIED = 4 * 1024 * 1024  # bytes at a time
MANIFEST_BYTES = 64 * 1024 * 1024
"""Bytes of a manifest that is taken in: of some 300,000 files."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in an archive, from its header to the zeros that fill up its last block."""

    begin: int
    header: bytes
    size: int
    source: Path | bytes

    @property
    def end(self) -> int:
        return self.begin + len(self.header) + self.size + -self.size % _BLOCK

    def read(self, place: int, most: int) -> bytes:
        """Some bytes from a place on, at least one. EOFError where the file is shorter than it was."""
        if place < len(self.header):
            return self.header[place : place + most]
        place -= len(self.header)
        if place >= self.size:
            return bytes(min(most, -self.size % _BLOCK - (place - self.size)))
        most = min(most, self.size - place)
        if isinstance(self.source, bytes):
            return self.source[place : place + most]
        with self.source.open("rb") as file:
            file.seek(place)
            data = file.read(most)
        if not data:
            raise EOFError(self.source.name)
        return data


class Archive:
    """The tar file of a snapshot in a folder, with the bytes of its manifest; it is nowhere as a whole."""

    def __init__(self, manifest: bytes, files: Sequence[SnapshotFile], folder: Path) -> None:
        self._members = [_Member(0, _header(MANIFEST, len(manifest)), len(manifest), manifest)]
        for file in files:
            begin = self._members[-1].end
            self._members.append(
                _Member(begin, _header(file.name, file.bytes), file.bytes, folder / file.name)
            )
        self._members.append(_Member(self._members[-1].end, b"", len(_END), _END))
        self._begins = [member.begin for member in self._members]

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._members[-1].end

    def read(self, offset: int, most: int) -> bytes:
        """At most so many bytes from an offset on, and fewer at its end. EOFError as in a file of it."""
        parts = []
        most = max(0, min(most, self.size - offset))
        while most:
            member = self._members[bisect_right(self._begins, offset) - 1]
            part = member.read(offset - member.begin, most)
            parts.append(part)
            offset, most = offset + len(part), most - len(part)
        return b"".join(parts)

    def headers(self) -> list[tuple[int, bytes]]:
        """Where the headers of the files are, without that of the manifest, and what they are."""
        return [(member.begin, member.header) for member in self._members[1:-1]]


class Archives:
    """The archives of the snapshots that were read last: making one reads the whole manifest."""

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._known: dict[tuple[Path, int, int], Archive] = {}
        self._lock = threading.Lock()

    def of(self, folder: Path, snapshot: str) -> Archive:
        """The archive of a snapshot. OSError where it is gone, DamagedSnapshot where its manifest is."""
        found = (folder / MANIFEST).stat()
        identity = (folder, found.st_ino, found.st_mtime_ns)
        with self._lock:
            archive = self._known.pop(identity, None)
            if archive is None:
                data = (folder / MANIFEST).read_bytes()
                archive = Archive(data, Manifest.from_json(snapshot, data).files, folder)
            self._known[identity] = archive
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
        return archive


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
        for entry, (begin, header) in zip(manifest.files, known.headers(), strict=True):
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
