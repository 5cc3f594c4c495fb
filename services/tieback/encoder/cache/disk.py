"""Encodings on disk, so that a restarted replica starts with a warm cache.

One thread does all disk access. Lookups go before writes. A write is dropped if too many wait, and a lookup
that takes too long is a miss. So a slow, full or broken disk fails no request. A damaged database is replaced
by a new one; if the disk takes no more, the cache turns itself off until the next start and logs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback.core.errors import StartupError
from tieback.encoder.cache import Computed, bytes_of
from tieback.encoder.cache.database import Busy, Damaged, EntryDatabase, remove, transaction_bytes

logger = logging.getLogger(__name__)

Found = Mapping[bytes, Computed]

PATIENCE = 0.1
"""Seconds after which a lookup is given up: computing would not have taken much longer."""

LOOKUPS_WAITING, BYTES_WAITING = 64, 32 << 20
"""Past these, lookups are misses and writes are dropped."""


@dataclass(frozen=True, slots=True)
class DiskState:
    """Whether the disk is used, the bytes of its entries, the writes dropped because too many waited."""

    is_on: bool
    bytes: int
    dropped: int


class DiskCache:
    """The results of one space in `folder`, where it takes at most `limit_bytes`.

    The folder is on a local disk: replicas share memory through it. StartupError where it cannot be made.
    """

    def __init__(self, folder: Path, space: str, limit_bytes: int) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartupError(
                f"the folder of the cache cannot be made: {error}; give another, or unset TIEBACK_CACHE_DISK"
            ) from error
        self._space = space
        self._path = folder / f"{space}.sqlite3"
        self._limit_bytes = limit_bytes
        self._lookups: deque[tuple[Sequence[bytes], asyncio.Future[Found]]] = deque()
        self._writes: deque[tuple[bytes, Computed]] = deque()
        self._waiting_bytes = 0  # of the writes
        self._changed = threading.Condition()
        self._is_on, self._closing, self._was_damaged = True, False, False
        self._bytes = self._dropped = 0
        self._database: EntryDatabase | None = None  # the thread's alone
        self._thread = threading.Thread(target=self._work, name=f"disk-cache-{space}", daemon=True)
        self._thread.start()

    @property
    def state(self) -> DiskState:
        """How it is now."""
        return DiskState(self._is_on, self._bytes, self._dropped)

    async def get(self, keys: Sequence[bytes]) -> Found:
        """Those that are there, in time."""
        if not self._is_on or len(self._lookups) >= LOOKUPS_WAITING:
            return {}
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        with self._changed:
            self._lookups.append((keys, future))
            self._changed.notify()
        try:
            async with asyncio.timeout(PATIENCE):
                return await future
        except TimeoutError:
            return {}

    def put(self, key: bytes, computed: Computed) -> None:
        """Has a result written soon, unless too much waits already."""
        if not self._is_on:
            return
        size = bytes_of(computed)
        with self._changed:
            if self._waiting_bytes + size > BYTES_WAITING:
                self._dropped += 1
                return
            self._waiting_bytes += size
            self._writes.append((key, computed))
            self._changed.notify()

    async def close(self) -> None:
        """Writes what waits and lets go of the database."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        """The thread; it ends when the cache is closed and nothing waits."""
        with self._guarded():
            self._open()
        while self._wait():
            if self._lookups:
                self._look_up(*self._lookups.popleft())
            else:
                self._write()
        self._let_go()

    def _wait(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._lookups or self._writes or self._closing)
        return bool(self._lookups or self._writes)

    def _look_up(self, keys: Sequence[bytes], future: asyncio.Future[Found]) -> None:
        found: Found = {}
        with self._guarded():
            if self._is_on and not future.done():
                found = self._open().get(keys)
        with contextlib.suppress(RuntimeError):  # a loop that was closed has nobody left to answer
            future.get_loop().call_soon_threadsafe(_resolve, future, found)

    def _write(self) -> None:
        """Writes as much of what waits as one transaction takes; what cannot be written is dropped."""
        taken = self._take(transaction_bytes(self._limit_bytes))
        with self._guarded():
            if self._is_on:
                database = self._open()
                database.put(taken)
                self._bytes = database.bytes

    def _take(self, most_bytes: int) -> list[tuple[bytes, Computed]]:
        """The writes that have waited longest, one at least."""
        taken: list[tuple[bytes, Computed]] = []
        with self._changed:
            size = 0
            while self._writes and (not taken or size + bytes_of(self._writes[0][1]) <= most_bytes):
                taken.append(self._writes.popleft())
                size += bytes_of(taken[-1][1])
            self._waiting_bytes -= size
        return taken

    def _open(self) -> EntryDatabase:
        if self._database is None:
            self._database = EntryDatabase(self._path, self._limit_bytes)
            self._bytes = self._database.bytes
        return self._database

    def _let_go(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(Exception):  # it is given up, whatever it raises
                database.close()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever goes wrong with the disk ends here."""
        try:
            yield
        except Busy:
            logger.info("%s: the disk cache is busy with another replica", self._space)
        except Damaged as error:
            self._begin_anew(error)
        except Exception as error:  # noqa: BLE001 - a disk fails in many ways, and no request of any
            self._turn_off(error)

    def _begin_anew(self, damage: Damaged) -> None:
        self._let_go()
        if self._was_damaged:
            self._turn_off(damage)
            return
        self._was_damaged = True
        try:
            remove(self._path)
        except OSError as error:
            self._turn_off(error)
            return
        logger.warning("%s: the disk cache could not be read (%s) and is begun anew", self._space, damage)

    def _turn_off(self, error: Exception) -> None:
        self._is_on = False
        self._let_go()
        logger.warning("%s: the disk cache is off until the next start: %s", self._space, error)


def _resolve(future: asyncio.Future[Found], found: Found) -> None:
    if not future.done():
        future.set_result(found)
