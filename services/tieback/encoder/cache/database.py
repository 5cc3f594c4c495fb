"""Encodings in one SQLite file, bounded by bytes: the oldest are removed. For one thread.

Replicas of a space on one machine share the file, in WAL mode: readers and writers do not wait for each
other, and a killed process leaves the file intact. Nothing is synced, because losing a cache at a power
failure is acceptable; SQLite or the checksums of the entries find damage. Each process holds a shared lock on
a second file, so that no process removes the database while another uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.locators import LocatorKind, Locators

from tieback.encoder.cache import Computed

# A result as bytes, for the disk.
#
#     checksum   16 bytes   the first of SHA-256(key, all that follows)
#     length      4 bytes   little-endian, of the header
#     header                JSON, spaces after it until the arrays begin at a multiple of 16
#     arrays                little-endian: those of ARRAYS that are there, then the numbers of the locators
#
# The key is in the checksum, so that a result can never stand under another's name.
CHECKSUM_BYTES, LENGTH_BYTES, ALIGNMENT = 16, 4, 16
ARRAYS = {
    "dense": "<f4",
    "rows": "<f4",
    "indices": "<i4",
    "weights": "<f4",
}
"""Fields of a result with the types of their elements."""


class Damaged(Exception):  # noqa: N818 - it is named for what was found
    """What was read is not what was written."""


def pack(key: bytes, computed: Computed) -> bytes:
    """The bytes of a result."""
    arrays = {
        name: np.asarray(array, dtype)
        for name, dtype in ARRAYS.items()
        if (array := getattr(computed, name)) is not None
    }
    locators = computed.locators
    header = json.dumps(
        {
            "token_count": computed.token_count,
            "truncated_tokens": computed.truncated_tokens,
            "invariant": computed.invariant,
            "shapes": {name: array.shape for name, array in arrays.items()},
            "locators": None if locators is None else [locators.kind, locators.places.shape],
            "labels": [astuple(label) for label in computed.labels],
        },
        separators=(",", ":"),
    ).encode()
    header += b" " * (-(CHECKSUM_BYTES + LENGTH_BYTES + len(header)) % ALIGNMENT)
    rest = b"".join(
        [
            len(header).to_bytes(LENGTH_BYTES, "little"),
            header,
            *(array.tobytes() for array in arrays.values()),
            b"" if locators is None else locators.places.astype(_little(locators.kind)).tobytes(),
        ]
    )
    return _checksum(key, rest) + rest


def unpack(key: bytes, body: bytes) -> Computed:
    """The result, its arrays read-only and in the given bytes. Damaged where the checksum is wrong."""
    view = memoryview(body)
    if view[:CHECKSUM_BYTES] != _checksum(key, view[CHECKSUM_BYTES:]):
        raise Damaged("an entry's checksum is wrong")
    begin = CHECKSUM_BYTES + LENGTH_BYTES
    length = int.from_bytes(view[CHECKSUM_BYTES:begin], "little")
    header: dict[str, Any] = json.loads(bytes(view[begin : begin + length]))
    arrays = _Arrays(body, begin + length)
    shapes = header["shapes"]
    found = {name: arrays.take(dtype, shapes[name]) for name, dtype in ARRAYS.items() if name in shapes}
    locators = None
    if header["locators"] is not None:
        kind, shape = LocatorKind(header["locators"][0]), header["locators"][1]
        locators = Locators(kind, arrays.take(_little(kind), shape))
    nothing = {"dense": None, "rows": None}
    return Computed(
        **nothing | found,
        locators=locators,
        labels=tuple(Label(*label) for label in header["labels"]),
        token_count=header["token_count"],
        truncated_tokens=header["truncated_tokens"],
        invariant=header["invariant"],
    )


class _Arrays:
    """Reads arrays that lie behind each other."""

    def __init__(self, body: bytes, offset: int) -> None:
        self._body, self._offset = body, offset

    def take(self, dtype: DTypeLike, shape: Sequence[int]) -> Array:
        array = np.frombuffer(self._body, dtype, int(np.prod(shape)), self._offset).reshape(shape)
        self._offset += array.nbytes
        return array


def _little(kind: LocatorKind) -> np.dtype[Any]:
    return Locators.dtype(kind).newbyteorder("<")


def _checksum(key: bytes, rest: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(key)
    digest.update(rest)
    return digest.digest()[:CHECKSUM_BYTES]


APPLICATION = int.from_bytes(b"tbec", "big")
FORMAT = 3
"""The header of the file: its application and the format of its entries."""

PAGE_BYTES = 4096
PAGE_ROOM = 4000
"""Bytes of a page that an entry surely fills; the rest is SQLite's own."""

TRANSACTION_SHARE, TRANSACTION_BYTES = 16, 4 << 20
"""A transaction writes a sixteenth of the bound at most, and not so much that lookups wait for long."""

TRANSACTIONS_BESIDE = 6
"""Room, in transactions, for what SQLite writes beside the database before it goes in."""

EVICTED_AT_ONCE = 16
BUSY_SECONDS = 1.0

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PRIMARY_CODE = 0xFF


class Busy(Exception):  # noqa: N818 - it is named for what the database is
    """Another replica has held the database for too long."""


class EntryDatabase:
    """The entries in the file at `path`, which with all beside it takes `limit_bytes` at most.

    Every method raises Damaged where the file is not what was written, Busy, or SQLite's error for the disk.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._largest = transaction_bytes(limit_bytes)
        self._pages = (limit_bytes - TRANSACTIONS_BESIDE * self._largest) // PAGE_BYTES
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, _lock(path, fcntl.LOCK_SH))
            stack.enter_context(_translated())
            self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            stack.callback(self._database.close)
            self._prepare()
            self._held = stack.pop_all()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Computed]:
        """The entries of those keys that are there."""
        places = ",".join("?" * len(keys))
        query = f"SELECT key, body FROM entries WHERE key IN ({places})"  # noqa: S608 - question marks alone
        with _translated():
            rows = self._database.execute(query, list(keys)).fetchall()
        return {key: unpack(key, body) for key, body in rows}

    def put(self, entries: Iterable[tuple[bytes, Computed]]) -> None:
        """Writes entries in one transaction, except what a transaction cannot hold.

        Where a key is there, it stays, unless only the new result is batch-invariant.
        """
        rows = [(key, computed.invariant, pack(key, computed)) for key, computed in entries]
        rows = [row for row in rows if len(row[2]) <= self._largest]
        with _translated(), self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._make_room(sum(len(body) // PAGE_ROOM + 2 for _, _, body in rows))
            self._database.executemany(
                "INSERT INTO entries (key, invariant, body) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE "
                "SET invariant = excluded.invariant, body = excluded.body "
                "WHERE excluded.invariant > entries.invariant",
                rows,
            )

    @property
    def bytes(self) -> int:
        """What the entries take."""
        with _translated():
            return self._used_pages() * PAGE_BYTES

    def close(self) -> None:
        """Lets go of the file."""
        self._held.close()

    def _prepare(self) -> None:
        """Sees to it that the file is ours, and that it is as it should be."""
        self._database.text_factory = bytes  # damage may make a blob look like a text
        self._set("page_size", PAGE_BYTES)
        self._set("journal_mode", "WAL")
        self._set("synchronous", "OFF")
        self._set("wal_autocheckpoint", max(self._largest // PAGE_BYTES // 2, 1))
        self._set("journal_size_limit", self._largest)
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            if self._get("schema_version") == 0:  # there is nothing in it
                self._database.execute(
                    "CREATE TABLE entries (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, "
                    "invariant INTEGER NOT NULL, body BLOB NOT NULL)"
                )
                self._set("application_id", APPLICATION)
                self._set("user_version", FORMAT)
        if (self._get("application_id"), self._get("user_version")) != (APPLICATION, FORMAT):
            raise Damaged("it is a database of something else, or of another version")
        if self._get("page_count") > self._pages:
            raise Damaged("it is larger than it may be")

    def _make_room(self, pages: int) -> None:
        while self._used_pages() + pages > self._pages:
            deleted = self._database.execute(
                "DELETE FROM entries WHERE id IN (SELECT id FROM entries ORDER BY id LIMIT ?)",
                (EVICTED_AT_ONCE,),
            )
            if not deleted.rowcount:
                break

    def _used_pages(self) -> int:
        return self._get("page_count") - self._get("freelist_count")

    def _get(self, pragma: str) -> int:
        return int(self._database.execute(f"PRAGMA {pragma}").fetchone()[0])

    def _set(self, pragma: str, value: int | str) -> None:
        self._database.execute(f"PRAGMA {pragma} = {value}")


def transaction_bytes(limit_bytes: int) -> int:
    """How much is best written at once; a larger entry is not kept."""
    return min(limit_bytes // TRANSACTION_SHARE, TRANSACTION_BYTES)


def remove(path: Path) -> None:
    """Removes a database that this process has closed. BlockingIOError where another one uses it."""
    lock = _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        for beside in ("", "-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
    finally:
        os.close(lock)


def _lock(path: Path, kind: int) -> int:
    file = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, kind)
    except OSError:
        os.close(file)
        raise
    return file


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if code in _DAMAGE:
            raise Damaged(str(error)) from error
        if code in _BUSY:
            raise Busy(str(error)) from error
        raise
