"""The journal: a file of lines that holds the last state of each entry, also after a crash.

A line is the CRC-32 of the rest as eight hexadecimal digits, a blank, an entry as JSON, a newline. Entries
are appended, and forced to the disk before anybody gets them; the last one of an id is its state, and one
without a state means that the id is gone. One process writes it, and holds a lock.

- What a process that was killed had written of a line is dropped at the next start: nobody was given it.
- Where whole lines are damaged, the file is copied aside, the others are kept, and `damage` reports it.
- Where most lines are outdated, the file is replaced by one with the states alone, in one step.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from tieback_contract.operations import OperationState

from tieback.core.durable_files import StoreLock, sync_path, write_durably
from tieback.core.error_record import read_error, write_error
from tieback.core.errors import StartupError, StorageFull, TiebackError, Unavailable
from tieback.core.types.operation import Json, OperationRecord

VERSION = 1
ROTATE_BYTES = 1024 * 1024
"""A journal is not replaced by a shorter one before it has so many bytes,"""
ROTATE_TIMES = 4
"""and so many times those of its states."""
_DIGITS = 8


class Journal:
    """An open journal in a folder of its own. Its methods are called by one thread at a time.

    `states` are the entries by id. StartupError, with the way out, where another process has the folder, a
    newer tieback wrote it, or it cannot be read and written.
    """

    def __init__(self, folder: Path) -> None:
        self.states: dict[str, Json] = {}
        self.damage = ""
        self._path = folder / "journal"
        self._sizes: dict[str, int] = {}
        self._is_spoilt = False  # an append that failed left bytes behind
        try:
            if not folder.exists():
                folder.mkdir(parents=True)
                sync_path(folder.parent)
            self._lock = StoreLock(folder / "lock", "journal of operations")
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            self._load()
        except BaseException as error:
            self._lock.release()
            if isinstance(error, OSError):
                raise _unusable(folder, error) from error
            raise

    def append(self, entries: Mapping[str, Json | None]) -> None:
        """Writes states by id, durably; None for an id that is gone.

        StorageFull or Unavailable where it cannot; then nothing is changed.
        """
        lines = {name: _line({"id": name, "state": state}) for name, state in entries.items()}
        data = b"".join(lines.values())
        try:
            if self._is_spoilt:
                self._replace()
            _write(self._file, data)
            os.fdatasync(self._file)
        except OSError as error:
            self._take_back()
            raise _refusal(error) from error
        self._length += len(data)
        for name, state in entries.items():
            self._apply(name, state, len(lines[name]))
        if self._length > max(ROTATE_BYTES, ROTATE_TIMES * sum(self._sizes.values())):
            with suppress(OSError):  # the long one is as good
                self._replace()

    def close(self) -> None:
        """Lets another process open it."""
        os.close(self._file)
        self._lock.release()

    def _load(self) -> None:
        data = self._path.read_bytes() if self._path.exists() else b""
        *lines, begun = data.split(b"\n")
        damaged = 0
        for line in lines:
            try:
                entry = _read(line)
                if (version := entry.get("version", VERSION)) != VERSION:
                    raise StartupError(
                        f"the journal of operations {self._path} was written by a newer tieback (version "
                        f"{version}; this one reads {VERSION}); install that version, or move the journal "
                        "away: its operations are then forgotten, and collections stay as they are"
                    )
                if "version" not in entry:
                    self._apply(str(entry["id"]), entry["state"], len(line) + 1)
            except (ValueError, KeyError, TypeError):
                damaged += 1
        if damaged:
            kept = self._copy_aside()
            self.damage = (
                f"{damaged} of {len(lines)} lines of the journal of operations are damaged; the others are "
                f"used, and the file as it was is kept beside it as {kept}"
            )
        if damaged or begun or not lines:
            self._write_whole()
        self._open()

    def _apply(self, name: str, state: Json | None, size: int) -> None:
        if state is None:
            self.states.pop(name, None)
            self._sizes.pop(name, None)
        else:
            self.states[name] = state
            self._sizes[name] = size

    def _copy_aside(self) -> str:
        """Copies the file, durably; returns the copy's name."""
        number = 1
        while (kept := self._path.with_name(f"damaged-{number}")).exists():
            number += 1
        shutil.copyfile(self._path, kept)
        sync_path(kept)
        sync_path(kept.parent)
        return kept.name

    def _replace(self) -> None:
        """Has a file with the states alone take its place. On OSError it is as before."""
        before = self._file
        self._write_whole()
        self._open()
        self._is_spoilt = False
        os.close(before)

    def _write_whole(self) -> None:
        states = ({"id": name, "state": one} for name, one in self.states.items())
        entries: list[dict[str, Any]] = [{"version": VERSION}, *states]
        write_durably(self._path, b"".join(map(_line, entries)))

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._length = os.fstat(self._file).st_size

    def _take_back(self) -> None:
        """Cuts off what an append that failed may have written, so that the next one begins a line."""
        try:
            os.ftruncate(self._file, self._length)
        except OSError:
            self._is_spoilt = True


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _read(line: bytes) -> dict[str, Any]:
    """The entry of a line without its newline. ValueError where it is not as it was written."""
    checksum, blank, text = line[:_DIGITS], line[_DIGITS : _DIGITS + 1], line[_DIGITS + 1 :]
    if blank != b" " or checksum != b"%08x" % zlib.crc32(text):
        raise ValueError("not as it was written")
    entry: dict[str, Any] = json.loads(text)
    return entry


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _refusal(error: OSError) -> TiebackError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("the disk is full, so the operation cannot be noted; free space and try again")
    return Unavailable("the operation could not be noted on the disk; try again")


def _unusable(folder: Path, error: OSError) -> StartupError:
    return StartupError(
        f"the journal of operations {folder} cannot be used: {error.strerror}; make it a folder that this "
        "user may write to, free space, or name another store with --store or TIEBACK_STORE"
    )


_LIVE = {"remaining", "trouble"}  # of this process alone: a start finds them out again


def write_operation(operation: OperationRecord) -> dict[str, Any]:
    """What is to be kept of an operation."""
    kept = {
        one.name: getattr(operation, one.name) for one in fields(OperationRecord) if one.name not in _LIVE
    }
    kept["state"] = operation.state.value
    kept["error"] = None if operation.error is None else write_error(operation.error)
    return kept


def read_operation(record: Mapping[str, Any]) -> OperationRecord:
    """As `write_operation` wrote it. KeyError, TypeError or ValueError where the record is malformed."""
    error = record["error"]
    return OperationRecord(
        **{
            **record,
            "state": OperationState(record["state"]),
            "error": None if error is None else read_error(error),
        }
    )
