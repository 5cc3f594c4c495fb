"""The index service: keeps items with their vectors and finds them again."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    StorageFull,
    TiebackError,
    Unavailable,
)
from tieback.core.tenant import NAME, PRINCIPAL, Access, CollectionKey, Usage
from tieback.core.types.collection import Collection, IndexedItem, Source, UpsertReply
from tieback.core.types.content import Item
from tieback.core.types.fusion import JOINT_SPACE, IgnoredDimensions, Routing
from tieback.core.types.limits import Limits
from tieback.core.types.load import Load
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexState
from tieback.core.types.report import Timing
from tieback.core.types.search import SearchReply
from tieback.core.types.vectors import SpaceRef, Vector
from tieback.index import originals
from tieback.index.collection import DamagedCollection, OpenCollection, ReadCollection
from tieback.index.filters import Check, parse
from tieback.index.generations import Generations
from tieback.index.key_budget import Checked
from tieback.index.memory import Memory
from tieback.index.opening import load
from tieback.index.originals import Originals
from tieback.index.ownership import OwnedCollections
from tieback.index.page import Page
from tieback.index.page_token import PageTokens
from tieback.index.quotas import Writes, check
from tieback.index.readers import Readers
from tieback.index.records import Record
from tieback.index.search import Query, search
from tieback.index.sources import check_source, check_source_name
from tieback.index.store import Description, Store
from tieback.index.texts import check_id, check_text
from tieback.index.validation import check_ignored, check_items, check_space, check_vector
from tieback.index.vectors import one_thread
from tieback.index.writer import Written
from tieback.methods.missing import missing
from tieback.methods.ranking import rankings
from tieback.methods.routing import routings
from tieback.ports import DEFAULT_FUSION, DEFAULT_ROUTING, SEARCH_TEXT_BYTES

DEFAULT_LIMITS = Limits()
_WIDEST = 65_536
_HITS, _MOST_HITS = 10, 1000
_PAGE, _LARGEST_PAGE = 100, 1000
_PAGE_BYTES = 3 * 1024 * 1024  # gRPC clients take messages of 4 MiB unless they are told otherwise

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Index:
    """`IndexPort` over one store on this machine. Open it with `Index.open`."""

    def __init__(
        self,
        store: Store,
        limits: Limits,
        originals_bytes: int = 0,
        served: Iterable[SpaceRef] = (),
        is_readable: Callable[[SpaceRef], bool] = lambda _: False,
        sparse: Iterable[str] = (),
    ) -> None:
        self._sparse = frozenset(sparse)
        self._is_readable = is_readable
        self._served = {space.name: space for space in served}
        self._store, self._limits = store, limits
        self._originals = Originals(store.originals, originals_bytes)
        self._tokens = PageTokens(store.page_key)
        self._owned = OwnedCollections()
        self._writes = Writes()
        self._changing = asyncio.Lock()  # collections are made and removed one at a time
        self._readers = Readers()
        self._writers = ThreadPoolExecutor(2, "index-write", initializer=one_thread)
        self._trainer = ThreadPoolExecutor(1, "index-train", initializer=one_thread)
        self._generations = Generations(store, self._owned, self._originals, self._writers, limits)
        self._closed = False

    @classmethod
    def open(
        cls,
        directory: str | Path,
        limits: Limits = DEFAULT_LIMITS,
        *,
        originals_bytes: int = 0,
        served: Iterable[SpaceRef] = (),
        is_readable: Callable[[SpaceRef], bool] = lambda _: False,
        sparse: Iterable[str] = (),
    ) -> Index:
        """Locks the store and reads it into memory; blocks some six seconds per 100,000 sections.

        A damaged collection is kept apart, and read as far as it can be. StartupError, saying what to do,
        where another server has the store, a newer tieback wrote it, or the folder cannot be used. At most
        `originals_bytes` of what is written are kept to be encoded again. Collections in other revisions of
        the `served` spaces are said to be stale, and how they are found: by contents where their space
        `is_readable`, else by words. No collection is made in the spaces named in `sparse`.
        """
        one_thread()
        store = Store(Path(directory).absolute())
        try:
            index = cls(store, limits, originals_bytes, served, is_readable, sparse)
            for key in store.found():
                opened = load(store, key, index._writers)
                index._owned.add(opened)
                if isinstance(opened, OpenCollection):
                    index._train(opened.memory)
            index._generations.load()
            index._sweep_originals()
        except BaseException:
            store.close()
            raise
        return index

    @property
    def sections(self) -> int:
        """Sections in all collections."""
        return sum(opened.memory.section_count for opened in self._owned.readable())

    @property
    def vectors(self) -> int:
        """Vectors in all collections: of sections, and of their parts."""
        return sum(opened.memory.vector_count for opened in self._owned.readable())

    @property
    def damaged(self) -> int:
        """Collections whose files are damaged."""
        return len(self._owned.damaged)

    @property
    def stale(self) -> dict[str, str]:
        """Why collections cannot be found by contents, by owner and name."""
        found = {str(key): self._why_stale(one.description) for key, one in self._owned.sound.items()}
        return {name: why for name, why in found.items() if why}

    @property
    def original_bytes(self) -> int:
        """Bytes of originals on disk."""
        return self._originals.bytes

    def _why_stale(self, known: Description) -> str:
        served = self._served.get(known.space.name)
        if served is None or served == known.space:
            return ""
        if served.revision != known.space.revision:
            change = f"revision {served.revision} of it is served"
        else:
            change = f"it is used otherwise now (fingerprint {served.fingerprint})"
        return (
            f"its vectors are of {known.space} (fingerprint {known.space.fingerprint}), and {change}: run "
            f"tieback reindex {known.name}. Until then it is read only, and searched by "
            + ("its own revision" if self._is_readable(known.space) else "words alone")
        )

    @property
    def of_nobody(self) -> int:
        """Collections that belong to no tenant, and that none can use where tokens are asked for."""
        return self._owned.stored("").collections

    @property
    def load(self) -> Load:
        """What waits and runs: searches and listings by one each, writes by their items."""
        readers = self._readers
        writers = [opened.writer for opened in list(self._owned.sound.values())]
        return Load(
            queued_items=readers.queued + sum(writer.waiting_items for writer in writers),
            active_items=readers.active + sum(writer.active_items for writer in writers),
            dropped_cancelled=readers.dropped_cancelled,
            dropped_deadline=readers.dropped_deadline,
            rejected=readers.rejected,
        )

    async def close(self) -> None:
        """Writes what waits, then lets another server open the store."""
        if self._closed:
            return
        self._closed = True
        async with self._changing:
            every = [*self._owned.sound.values(), *self._generations.made.values()]
            await asyncio.gather(*(opened.writer.close() for opened in every))
            for stop in (
                *(self._readers.close, self._writers.shutdown, self._trainer.shutdown),
                self._originals.close,
            ):
                await asyncio.to_thread(stop)
            self._store.close()

    async def create_collection(
        self, name: str, space: SpaceRef, width: int, routing: Routing = DEFAULT_ROUTING
    ) -> Collection:
        """See `IndexPort`."""
        if not NAME.fullmatch(name):
            raise InvalidInput(
                f"{name[:80]!r} is no collection name: take 1 to 63 lower-case letters, digits and hyphens, "
                "a letter first",
                field="name",
            )
        check_space(space, field="space")
        if space.name in self._sparse:
            raise InvalidInput(
                f"the space {space.name!r} is sparse: its vectors are weights of terms, and a collection "
                "holds dense vectors; take the joint space or a dense one",
                field="space",
            )
        _check_width(width)
        if routing != DEFAULT_ROUTING and space.name != JOINT_SPACE:
            raise InvalidInput(
                f"a collection in the space {space.name!r} alone has nothing to weight; leave the routing "
                "out, or make it in the joint space",
                field="routing",
            )
        if routing.policy:
            routings.get(routing.policy)
        if routing.missing is not None:
            missing.get(routing.missing.name)
        self._refuse_where_closed()
        PRINCIPAL.get().require(Access.ADMIN, work="making a collection")
        # Once begun it is finished, though the caller may give up: the store and what is open must agree.
        return await asyncio.shield(self._create(name, space, width, routing))

    async def _create(self, name: str, space: SpaceRef, width: int, routing: Routing) -> Collection:
        principal = PRINCIPAL.get()
        key = CollectionKey(principal.tenant, name)
        async with self._changing:
            if key in self._owned.damaged:
                raise self._owned.damaged[key].refusal()
            there = self._owned.sound.get(key)
            if there is None:
                self._check_room()
                number, most = self._owned.stored(key.owner).collections, principal.quota.collections
                check(principal, key.owner, "collections", number, 1, most)
                description = Description(key, space, width, time.time(), routing)
                there = await self._in(self._writers, lambda: self._make(description))
                self._owned.add(there)
            known = there.description
            if (known.space, known.width) != (space, width):
                raise AlreadyExists(
                    "collection",
                    name,
                    f"the collection {name!r} is there, for space {known.space} (fingerprint "
                    f"{known.space.fingerprint}), width {known.width}, and not {space} (fingerprint "
                    f"{space.fingerprint}), width {width}; take another name, or delete it first",
                )
            if routing not in (DEFAULT_ROUTING, known.routing):
                raise AlreadyExists(
                    "collection",
                    name,
                    f"the collection {name!r} is there, and queries of it are weighted otherwise; leave the "
                    "routing out, take another name, or delete it first",
                )
            return there.describe()

    async def get_collection(self, name: str) -> Collection:
        """See `IndexPort`."""
        self._refuse_where_closed()
        known = self._owned.known(name)
        if isinstance(known, DamagedCollection):
            return self._described(known)
        return replace(self._described(known), sources=known.list_sources())

    async def list_collections(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[Collection], str]:
        """See `IndexPort`."""
        size = _page_size(page_size)
        scope = ("collections", PRINCIPAL.get().tenant)
        after = self._tokens.read(page_token, *scope) if page_token else ""
        names = sorted(name for name in self._owned.visible() if name > after)
        token = self._tokens.issue(names[size - 1], *scope) if len(names) > size else ""
        return [self._described(self._owned.known(name)) for name in names[:size]], token

    async def delete_collection(self, name: str) -> None:
        """See `IndexPort`.

        NotFound where there is none; its waiting writes fail, its searches finish. Unavailable where its
        files cannot be moved: it is then there as before.
        """
        self._refuse_where_closed()
        await asyncio.shield(self._delete(name))

    async def usage(self) -> Usage:
        """See `IndexPort`."""
        principal = PRINCIPAL.get()
        stored = self._owned.stored(principal.tenant)
        return Usage(principal, stored.collections, stored.items, stored.bytes)

    async def _delete(self, name: str) -> None:
        async with self._changing:
            known = self._owned.known(name, Access.ADMIN)
            key = known.description.key
            await self._generations.discard(key)
            content = known.content if isinstance(known, DamagedCollection) else known
            try:
                if isinstance(known, DamagedCollection):
                    left = await self._in(self._writers, lambda: self._take_out(key, known.content))
                else:
                    async with known.writer.held():
                        left = await self._in(self._writers, lambda: self._take_out(key, known))
                        await known.writer.abandon()
            except OSError as error:
                raise Unavailable(
                    f"the collection {name!r} could not be removed, and is there as before; try again"
                ) from error
        if content is not None:
            await self._release(key.owner, content.memory.originals)
        await self._in(self._writers, lambda: shutil.rmtree(left, ignore_errors=True))

    async def begin_reindex(self, collection: str, space: SpaceRef, width: int) -> ReindexState:
        """See `IndexPort`."""
        check_space(space, field="space")
        _check_width(width)
        async with self._changing:
            return await self._generations.begin(self._to_reindex(collection), space, width)

    async def list_pending(self, collection: str, after: str = "") -> list[PendingItem]:
        """See `IndexPort`."""
        return await self._generations.pending(self._to_reindex(collection), after)

    async def write_reindexed(
        self, collection: str, items: Sequence[ReindexedItem]
    ) -> list[TiebackError | None]:
        """See `IndexPort`."""
        opened = self._to_reindex(collection)
        self._check_batch(len(items), "items")
        errors = await self._generations.write(opened, items)
        made = self._generations.made.get(opened.description.key)
        if made is not None:
            self._train(made.memory)
        return errors

    async def finish_reindex(self, collection: str, dropped: Sequence[str] = ()) -> ReindexState:
        """See `IndexPort`."""
        async with self._changing:
            opened = self._to_reindex(collection)
            return await asyncio.shield(self._finish(opened, dropped))

    async def _finish(self, opened: OpenCollection, dropped: Sequence[str]) -> ReindexState:
        state = await self._generations.finish(opened, dropped)
        await self._release(opened.description.owner, opened.memory.originals)
        return state

    def _to_reindex(self, name: str) -> OpenCollection:
        self._owned.known(name, Access.ADMIN)
        return self._opened(name)

    async def record_source(self, collection: str, source: Source, *, moved: bool = False) -> Source:
        """See `IndexPort`."""
        check_source(source)
        async with self._changing:
            opened = self._opened(collection)
            noted = await self._in(self._writers, lambda: opened.sources.record(source, moved=moved))
        return opened.counted(noted)

    async def delete_source(self, collection: str, name: str) -> int:
        """See `IndexPort`. Its items first: where that fails, the source is still there."""
        check_source_name(name, field="name")
        async with self._changing:
            opened = self._opened(collection)
            opened.sources.get(name)
            memory = opened.memory
            ids = await self._readers.run(
                lambda _: _under_lock(memory, lambda: memory.ids_indexed_from(name))
            )
            removed = (await opened.writer.write(removals=ids)).removed if ids else 0
            await self._release_of(opened)
            await self._in(self._writers, lambda: opened.sources.remove(name))
        return removed

    async def upsert(self, collection: str, items: Sequence[IndexedItem]) -> UpsertReply:
        """See `IndexPort`. Of several items with one id in a request, the last that is valid is written."""
        begin = time.perf_counter()
        opened = self._opened(collection)
        self._check_batch(len(items), "items")
        checked, keys = await self._readers.run(lambda _: self._checked(opened, items))
        try:
            return await self._write(opened, checked, begin)
        finally:
            opened.keys.release(keys)

    def _checked(self, opened: OpenCollection, items: Sequence[IndexedItem]) -> tuple[Checked, list[str]]:
        known = opened.description
        checked = check_items(items, known.space, known.width, self._limits, keeps=self._originals.keeps)
        return opened.keys.admit(checked, self._limits.collection_keys)

    async def _write(self, opened: OpenCollection, checked: Checked, begin: float) -> UpsertReply:
        known = opened.description
        prepared = time.perf_counter() - begin
        records = {result.item.id: result for result in checked if isinstance(result, Record)}
        timing = Timing(prepare=prepared)
        if records:
            principal, writing = PRINCIPAL.get(), list(records.values())
            stored = self._owned.stored(known.owner)
            with self._writes.admitted(principal, known.key, stored, opened.memory, writing):
                written = await self._keep_and_write(opened, writing)
            timing.queue, timing.compute = written.queue, written.commit
            self._train(opened.memory)
        timing.total = time.perf_counter() - begin
        return UpsertReply(
            [result if isinstance(result, TiebackError) else None for result in checked], timing
        )

    async def delete_items(self, collection: str, ids: Sequence[str]) -> int:
        """See `IndexPort`."""
        opened = self._opened(collection)
        self._check_batch(len(ids), "ids")
        for position, item_id in enumerate(ids):
            check_id(item_id, field=f"ids[{position}]")
        removed = (await opened.writer.write(removals=ids)).removed
        await self._release_of(opened)
        return removed

    async def _keep_and_write(self, opened: OpenCollection, records: list[Record]) -> Written:
        contents = {name: data for record in records for name, data in record.contents.items()}
        if not contents:
            written = await opened.writer.write(records=records)
            await self._release_of(opened)
            return written
        # Once begun it is finished, though the caller may give up: an original is needed until the commit.
        return await asyncio.shield(self._write_with(opened, records, contents))

    async def _write_with(
        self, opened: OpenCollection, records: list[Record], contents: Mapping[str, bytes]
    ) -> Written:
        owner = opened.description.owner
        try:
            async with self._originals.kept(owner, contents):
                return await opened.writer.write(records=[replace(one, contents={}) for one in records])
        finally:
            await self._release(owner, [*contents, *_taken(opened.memory.unreferred)])

    async def _release_of(self, opened: OpenCollection) -> None:
        await self._release(opened.description.owner, _taken(opened.memory.unreferred))

    async def _release(self, owner: str, names: Iterable[str]) -> None:
        """Removes the originals among these that nothing of the owner refers to."""
        await self._originals.release(owner, names, lambda name: self._refers(owner, name))

    def _refers(self, owner: str, name: str) -> bool:
        if any(key.owner == owner for key in list(self._owned.damaged)):
            return True  # nobody knows what it refers to
        every = [*self._owned.sound.values(), *self._generations.made.values()]
        return any(one.description.owner == owner and one.memory.originals[name] for one in every)

    def _sweep_originals(self) -> None:
        """At the start: removes what a killed server left behind, of tenants without a damaged collection."""
        owners = {path.name for path in self._store.originals.iterdir()}
        damaged = {originals.folder_of(key.owner) for key in self._owned.damaged}
        referred: dict[str, set[str]] = {owner: set() for owner in owners - damaged}
        for one in (*self._owned.sound.values(), *self._generations.made.values()):
            folder = originals.folder_of(one.description.owner)
            if folder in referred:
                referred[folder].update(one.memory.originals)
        self._originals.sweep(referred)

    async def get_item(self, collection: str, item_id: str) -> Item:
        """See `IndexPort`."""
        memory = self._read_from(collection).memory
        item = await self._readers.run(lambda _: _under_lock(memory, lambda: memory.item(item_id)))
        if item is None:
            raise NotFound(
                "item", item_id, hint=f"collection {collection!r} holds {memory.item_count} others"
            )
        return item

    async def list_items(
        self,
        collection: str,
        *,
        page_size: int = 0,
        page_token: str = "",
        filter: str = "",
        deadline: Deadline = NO_DEADLINE,
    ) -> tuple[list[Item], str]:
        """See `IndexPort`. An item that is there throughout a listing is listed once, whatever is written.

        A page has `page_size` items, or fewer that take 3 MiB, or a single larger one.
        """
        opened = self._read_from(collection)
        memory = opened.memory
        size, tree = _page_size(page_size), parse(filter)
        scope = ("items", *opened.description.key, filter)
        after = self._tokens.read(page_token, *scope) if page_token else ""
        page = Page(size, _PAGE_BYTES)
        await self._readers.run(lambda check: memory.page(after, tree, page.take, check), deadline)
        token = self._tokens.issue(page.items[-1].id, *scope) if page.more else ""
        return page.items, token

    async def search(
        self,
        collection: str,
        *,
        vector: Vector | None = None,
        text: str = "",
        limit: int = 0,
        filter: str = "",
        fusion: MethodChoice | None = None,
        balance_modalities: bool = False,
        collapse_pieces: bool = False,
        ignored: Sequence[IgnoredDimensions] = (),
        deadline: Deadline = NO_DEADLINE,
    ) -> SearchReply:
        """See `IndexPort`.

        Of both vector and words, a hit's score is what the fusion method makes of them; else the similarity,
        balanced (`balance.py`) where that is asked for, or the share of the words' best BM25 score.
        """
        begin = time.perf_counter()
        opened = self._read_from(collection)
        known = opened.description
        if vector is None and not text.strip():
            raise InvalidInput("nothing to search for: give a vector, words, or both", field="vector")
        if vector is None and balance_modalities:
            raise InvalidInput(
                "modalities are balanced by their vectors: give one", field="balance_modalities"
            )
        if vector is None and ignored:
            raise InvalidInput("only of a vector are dimensions ignored: give one", field="ignored")
        if not 0 <= limit <= _MOST_HITS:
            raise InvalidInput(
                f"the limit is {limit}; it must be between 1 and {_MOST_HITS}, or 0 for {_HITS}",
                field="limit",
            )
        check_text(
            text, SEARCH_TEXT_BYTES, field="text", takes_nul=True
        )  # it stands between words, as a space
        choice = fusion or DEFAULT_FUSION
        exact = None if vector is None else check_vector(vector, known.space, known.width, field="vector")
        check_ignored(ignored, known.width)
        tree, fuse = parse(filter), rankings.configure(choice.name, choice.parameters, field="fusion")
        queued = time.perf_counter()
        started = queued

        def work(check: Check) -> SearchReply:
            nonlocal started
            started = time.perf_counter()
            query = Query(
                vector=exact,
                text=text.strip(),
                limit=limit or _HITS,
                filter=tree,
                fuse=fuse,
                balance=balance_modalities,
                collapse=collapse_pieces,
                check=check,
                ignored=ignored,
            )
            hits = search(opened.memory, query)
            return SearchReply(hits, Timing())

        reply = await self._readers.run(work, deadline)
        end = time.perf_counter()
        self._readers.took(end - started)
        timing = reply.timing
        timing.prepare, timing.queue = queued - begin, started - queued
        timing.compute, timing.total = end - started, end - begin
        return reply

    def _described(self, known: OpenCollection | DamagedCollection) -> Collection:
        """The collection as it stands, under the name that the tenant calls it by."""
        description = known.description
        name = PRINCIPAL.get().address(description.key)
        return replace(known.describe(), name=name, stale=self._why_stale(description))

    def _opened(self, name: str) -> OpenCollection:
        """A collection to write to."""
        self._refuse_where_closed()
        return self._owned.to_write(name)

    def _read_from(self, name: str) -> ReadCollection:
        """A collection to read from, sound or not."""
        self._refuse_where_closed()
        return self._owned.to_read(name)

    def _refuse_where_closed(self) -> None:
        if self._closed:
            raise Unavailable("the index is shutting down")

    def _check_batch(self, size: int, field: str) -> None:
        most = self._limits.batch_items
        if not size:
            raise InvalidInput("the batch is empty", field=field)
        if most and size > most:
            raise InvalidInput(f"{size} in one batch; at most {most} are taken", field=field)

    def _check_room(self) -> None:
        """StorageFull where there are as many collections as the server keeps."""
        number, most = self._owned.count, self._limits.collections
        if most and number >= most:
            raise StorageFull(
                f"this server keeps {number} collections, and at most {most} are allowed: delete one, or put "
                "what belongs together into one collection and tell it apart by metadata"
            )

    def _make(self, description: Description) -> OpenCollection:
        table = self._store.create(description)
        return OpenCollection.load(description, table, self._writers, self._store.sources(description.key))

    def _take_out(self, key: CollectionKey, content: ReadCollection | None) -> Path:
        """In a thread: where the collection's files are left. Searches under way finish first."""
        with content.memory.lock.writing() if content is not None else nullcontext():
            left = self._store.take_out(key)
            self._owned.remove(key)  # at once: the next search must not look for the files
            return left

    def _train(self, memory: Memory) -> None:
        if memory.wants_training() and not self._closed:
            self._trainer.submit(memory.train).add_done_callback(_log_failure)

    async def _in(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, work)


def _check_width(width: int) -> None:
    if not 1 <= width <= _WIDEST:
        raise InvalidInput(f"the width is {width}; it must be between 1 and {_WIDEST}", field="width")


def _taken(names: list[str]) -> list[str]:
    """All of the list, which is empty then."""
    taken = list(names)
    del names[: len(taken)]
    return taken


def _under_lock(memory: Memory, read: Callable[[], T]) -> T:
    with memory.lock.reading():
        return read()


def _page_size(size: int) -> int:
    if not 0 <= size <= _LARGEST_PAGE:
        raise InvalidInput(
            f"the page size is {size}; it must be between 1 and {_LARGEST_PAGE}, or 0 for {_PAGE}",
            field="page_size",
        )
    return size or _PAGE


def _log_failure(trained: Future[None]) -> None:
    if not trained.cancelled() and trained.exception() is not None:
        _log.error(
            "the vectors could not be sorted into lists; search stays exact", exc_info=trained.exception()
        )
