"""The one writer of a collection: requests that wait while a commit is under way share the next one.

A commit costs some ten milliseconds whether it holds one item or a thousand, so a stream of small requests is
written about as fast as a few large ones. The writer is a task that exists while there is something to do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from tieback.collections.record import Record
from tieback.core.errors import NotFound, Overloaded, StorageFull, TiebackError
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Change, Put, Remove, to_rows
from tieback.index.store.table import Table

_SECTIONS_PER_COMMIT = 8192
_BYTES_PER_COMMIT = 64 * 1024 * 1024
_WAITING_BYTES = 256 * 1024 * 1024
_PAUSE = 1.0  # seconds without writes after which compaction may go ahead

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a request: items removed by it, seconds it waited, seconds of its commit.

    `versions` are those of its records.
    """

    removed: int
    queue: float
    commit: float
    versions: Sequence[int] = ()


@dataclass(slots=True)
class _Request:
    records: Sequence[Record]
    removals: Sequence[str]
    versions: Sequence[int]
    done: asyncio.Future[Written]
    arrived: float

    @property
    def sections(self) -> int:
        return len(self.removals) + sum(len(record.texts) for record in self.records)

    @property
    def bytes(self) -> int:
        return sum(record.bytes for record in self.records)


class CollectionWriter:
    """Commits to `table`, then to `memory`; used from one event loop, works in `executor`."""

    def __init__(
        self, name: str, table: Table, memory: Memory, executor: Executor, *, next_version: int
    ) -> None:
        self.name = name
        self._table, self._memory, self._executor = table, memory, executor
        self.next_version = next_version
        self._waiting: list[_Request] = []
        self._waiting_bytes = 0
        self._active_items = 0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = self._held = False
        self._pins = 0
        self._commit_seconds = 0.01
        self._compaction_failed = False

    @property
    def waiting_items(self) -> int:
        """Items in requests that no commit has taken up."""
        return sum(len(r.records) + len(r.removals) for r in self._waiting)

    @property
    def active_items(self) -> int:
        """Items in the commit under way."""
        return self._active_items

    async def write(
        self, records: Sequence[Record] = (), removals: Sequence[str] = (), versions: Sequence[int] = ()
    ) -> Written:
        """Writes records, or removes items; durable and visible when it returns.

        `versions` are those of the records where they are not to be new ones.

        Overloaded where too much waits; StorageFull where the disk is full; NotFound where the collection was
        removed meanwhile. Cancelling a request that waits withdraws it.
        """
        loop = asyncio.get_running_loop()
        request = _Request(records, removals, versions, loop.create_future(), time.perf_counter())
        self._refuse_where_closed()
        if self._waiting and self._waiting_bytes + request.bytes > _WAITING_BYTES:
            raise Overloaded(
                f"{self.waiting_items} items wait to be written to {self.name!r}; send them again later",
                retry_after=max(self._commit_seconds * (1 + self._waiting_bytes / _BYTES_PER_COMMIT), 0.1),
            )
        self._waiting.append(request)
        self._waiting_bytes += request.bytes
        self._begin()
        try:
            return await request.done
        except asyncio.CancelledError:
            if request in self._waiting:
                self._waiting.remove(request)
                self._waiting_bytes -= request.bytes
            raise

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Lets the commit under way finish and begins no other inside: the table's folder may be moved."""
        self._held = True
        try:
            self._arrived.set()
            if self._task is not None:
                await asyncio.wait([self._task])
            yield
        finally:
            self._held = False
            if self._waiting:
                self._begin()

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """Begins no compaction inside, so no acknowledged file is removed once one under way has finished."""
        self._pins += 1
        try:
            yield
        finally:
            self._pins -= 1
            if not self._closed:
                self._begin()  # what was put off

    async def close(self) -> None:
        """Writes what waits and stops; later requests are refused."""
        self._closed = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def abandon(self, why: TiebackError | None = None) -> None:
        """Fails what waits and stops: the collection is gone."""
        self._closed = True
        for request in self._take(everything=True):
            if not request.done.done():
                request.done.set_exception(why or NotFound("collection", self.name))
        await self.close()

    def _begin(self) -> None:
        self._arrived.set()
        if not self._held and (self._task is None or self._task.done()):
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._work(), name=f"index writer of {self.name}")

    def _refuse_where_closed(self) -> None:
        if self._closed:
            raise NotFound("collection", self.name)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self._waiting and not self._held:
                await self._commit_waiting()
                if not self._compaction_failed and self._worth_compacting(busy=True):
                    await loop.run_in_executor(self._executor, self._compact)
            if self._closed or self._held or not self._worth_compacting(busy=False):
                return
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), _PAUSE)
                continue
            await loop.run_in_executor(self._executor, self._compact)
            if self._compaction_failed and not self._waiting:
                return  # the next write brings the next attempt

    async def _commit_waiting(self) -> None:
        requests = [request for request in self._take() if not request.done.done()]
        if not requests:
            return
        begin = time.perf_counter()
        self._active_items = sum(len(r.records) + len(r.removals) for r in requests)
        loop = asyncio.get_running_loop()
        try:
            changes = await loop.run_in_executor(self._executor, self._commit, requests)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait for this commit must hear of it
            for request in requests:
                if not request.done.done():
                    request.done.set_exception(error)
            return
        finally:
            self._active_items = 0
        self._commit_seconds = time.perf_counter() - begin
        for request, mine in zip(requests, changes, strict=True):
            if not request.done.done():
                removed = sum(isinstance(one, Remove) for one in mine)
                versions = [one.version for one in mine if isinstance(one, Put)]
                waited = begin - request.arrived
                request.done.set_result(Written(removed, waited, self._commit_seconds, versions))

    def _take(self, *, everything: bool = False) -> list[_Request]:
        """The requests of the next commit, in order of arrival: at least one, and as many as fit."""
        sections = size = count = 0
        for request in self._waiting:
            sections += request.sections
            size += request.bytes
            if count and not everything and (sections > _SECTIONS_PER_COMMIT or size > _BYTES_PER_COMMIT):
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_bytes = sum(request.bytes for request in self._waiting)
        return taken

    def _commit(self, requests: Sequence[_Request]) -> list[list[Change]]:
        """In a thread: one append for all requests; what each changed."""
        changes: list[list[Change]] = []
        version = self.next_version
        present: dict[str, bool] = {}  # what the changes so far made of an item
        for request in requests:
            mine: list[Change] = []
            for position, record in enumerate(request.records):
                given = request.versions[position] if request.versions else version
                mine.append(Put(given, record))
                present[record.item.id] = True
                version = max(version, given + 1)
            for item_id in dict.fromkeys(request.removals):
                if present.get(item_id, item_id in self._memory.items):
                    mine.append(Remove(version, item_id))
                    present[item_id] = False
                    version += 1
            changes.append(mine)
        every = [change for mine in changes for change in mine]
        if every:
            self.next_version = version  # also where the append fails: a number is not given twice
            rows = to_rows(every, self._table.schema)
            self._memory.reserve(rows)
            self._table.append(rows)
            self._memory.apply_rows(rows)
        return changes

    def _worth_compacting(self, *, busy: bool) -> bool:
        if self._pins:
            return False
        stale, sections = len(self._memory.stale), self._memory.section_count
        return self._table.worth_compacting(stale, sections, busy=busy)

    def _compact(self) -> None:
        """In a thread. A failure is not the writers' fault: it is logged, and tried again later."""
        stale = list(self._memory.stale)
        try:
            self._table.compact(stale)
            del self._memory.stale[: len(stale)]
            self._table.remove_old()
            self._compaction_failed = False
        except Exception as error:  # noqa: BLE001 - the table is as it was; writes must go on
            self._compaction_failed = True
            why = "the disk is full" if isinstance(error, StorageFull) else type(error).__name__
            _log.warning("compaction of collection %s was put off: %s", self.name, why)
