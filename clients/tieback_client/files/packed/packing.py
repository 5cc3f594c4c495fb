"""Files that are packed in others: members of archives (.zip, .tar, compressed too), attachments of mails.

Each has a name like a file in a folder: "handbook.zip/docs/keys.md". A name in an archive is a name and leads
nowhere. What is read is bounded before: by how many members there are, how large each is and all are, by how
much more that is than the file, and by how deep one is packed in another.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tieback_client.errors import InvalidArgument
from tieback_client.files.decoding import storable
from tieback_client.files.kinds import MAIL, format_of
from tieback_client.files.office.package import archive_of
from tieback_client.files.packed import tar
from tieback_client.files.reading import MOST_BYTES
from tieback_client.files.texts import mail

MEMBERS = 10_000
"""Of a file, those of packed files in it included."""
TOTAL_BYTES = 1 << 30
"""Of all that is packed in a file."""
RATIO, SMALL_BYTES = 200, 16 << 20
"""Largest ratio of all of it to the size of the file, where it is more than is small."""
DEPTH = 3
"""Files that a file may be packed in."""
_ENTRY = b"PK\x01\x02"
_HIDDEN = (".", "~$", "__MACOSX")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file that is packed in another."""

    name: str
    """Its path in that; of a file in a packed one, behind the path of that one."""
    data: bytes = b""
    fault: str = ""
    """Why it, or what is packed in it, cannot be read; "" where it can."""


def is_packed(name: str) -> bool:
    """Tell whether other files are packed in a file, by its name: an archive, or a mail."""
    return is_archive(name) or format_of(name) == MAIL


def is_archive(name: str) -> bool:
    """Tell whether a file is an archive by its name, and holds nothing but its members."""
    return name.lower().endswith((".zip", *tar.SUFFIXES))


def unpacked(name: str, data: bytes) -> Iterator[PackedFile]:
    """The files that are packed in a file, in its order, and those that are packed in these.

    `InvalidArgument` where it is damaged, or holds more than is read.
    """
    return _unpacked(name, data, _Room(len(data)), 1)


class _Room:
    """Counts down what is left to be read of a file, for all that is packed in it."""

    def __init__(self, size: int) -> None:
        self.bytes = min(TOTAL_BYTES, max(SMALL_BYTES, RATIO * size))
        self._members = MEMBERS

    def take(self, sizes: list[int]) -> None:
        """Takes members of these sizes. `InvalidArgument` where there is no room for all of them."""
        if len(sizes) > self._members:
            raise InvalidArgument(f"it holds more than {MEMBERS:,} files: unpack it, and index the folder")
        if sum(sizes) > self.bytes:
            raise InvalidArgument(
                f"it holds {sum(sizes):,} bytes unpacked, and up to {self.bytes:,} of it are read: unpack "
                "it, and index the folder"
            )
        self._members -= len(sizes)
        self.bytes -= sum(sizes)


def _unpacked(name: str, data: bytes, room: _Room, depth: int) -> Iterator[PackedFile]:
    if format_of(name) == MAIL:
        members = _attached(data, room)
    else:
        members = _zipped(data, room) if name.lower().endswith(".zip") else _tarred(name, data, room)
    taken: set[str] = set()
    for member in members:
        inner = _unlike(taken, _clean(member.name))
        if not inner or any(part.startswith(_HIDDEN) for part in inner.split("/")):
            continue
        if member.fault or not is_packed(inner):
            yield PackedFile(inner, member.data, member.fault)
            continue
        if not is_archive(inner):
            yield PackedFile(inner, member.data)
        if depth == DEPTH:
            if is_archive(inner):
                yield PackedFile(
                    inner, fault=f"what is packed in more than {DEPTH} files is not read: unpack it"
                )
            continue
        try:
            for one in _unpacked(inner, member.data, room, depth + 1):
                yield PackedFile(f"{inner}/{one.name}", one.data, one.fault)
        except InvalidArgument as error:
            yield PackedFile(inner, fault=error.message)


def _zipped(data: bytes, room: _Room) -> Iterator[PackedFile]:
    if data.count(_ENTRY) > 10 * MEMBERS:  # before Python reads as many
        raise InvalidArgument(f"it holds more than {MEMBERS:,} files: unpack it, and index the folder")
    archive = archive_of(data)
    members = [one for one in archive.infolist() if not one.is_dir()]
    room.take([one.file_size for one in members])
    for one in members:
        if one.flag_bits & 1:
            yield PackedFile(one.filename, fault="it is encrypted with a password")
            continue
        if one.file_size > MOST_BYTES:
            yield PackedFile(one.filename, fault=tar.too_large(one.file_size))
            continue
        try:
            yield PackedFile(one.filename, archive.read(one))
        except _DAMAGE as error:
            yield PackedFile(one.filename, fault=f"it is damaged: {storable(str(error))[:200]}")


def _tarred(name: str, data: bytes, room: _Room) -> Iterator[PackedFile]:
    sizes = [size for _, size, _ in tar.members(name, data, room.bytes, reads=False)]
    most = room.bytes
    room.take(sizes)
    for inner, size, content in tar.members(name, data, most, reads=True):
        fault = tar.too_large(size) if content is None else ""
        yield PackedFile(inner, content or b"", fault)


def _attached(data: bytes, room: _Room) -> Iterator[PackedFile]:
    for name, content in mail.attachments(data):
        room.take([len(content)])
        yield PackedFile(name, content)


def _clean(name: str) -> str:
    """A path that leads nowhere but below: without roots, steps upwards, and control characters."""
    shown = "".join(one if one.isprintable() else "_" for one in storable(name).replace("\\", "/"))
    return "/".join(part for part in shown.split("/") if part not in ("", ".", ".."))


def _unlike(taken: set[str], name: str) -> str:
    """A name that no other has: "plan.pdf", "plan (2).pdf". Digits alone are the name of a part of a text."""
    if not name:
        return ""
    path = PurePosixPath(name)
    number = 1
    made = str(path.with_name(f"{path.name} (1)")) if path.name.isdecimal() else name
    while made in taken:
        number += 1
        made = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
    taken.add(made)
    return made


def packed_in(path: Path) -> Path | None:
    """The file that a path leads into; None where it is a file itself, or leads nowhere."""
    # os.path says of what cannot be looked at that it is no file; Path raises.
    return next((one for one in path.parents if is_packed(one.name) and os.path.isfile(one)), None)  # noqa: PTH113


class Opened:
    """Reads files in turn. What is packed in one file is read in its order, which opens it once."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._rest: Iterator[PackedFile] = iter(())

    def read(self, path: Path) -> bytes:
        """The bytes of a file. `OSError` where it cannot be read, `InvalidArgument` where it is damaged."""
        file = packed_in(path)
        if file is None:
            return path.read_bytes()
        inside = path.relative_to(file).as_posix()
        for again in (False, True):
            if again or file != self._file:
                self._file, self._rest = file, unpacked(file.name, file.read_bytes())
            for one in self._rest:
                if one.name == inside and one.fault:
                    raise InvalidArgument(one.fault)
                if one.name == inside:
                    return one.data
        raise FileNotFoundError(2, "No such file", str(path))
