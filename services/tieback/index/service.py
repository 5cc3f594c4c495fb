"""The index service: keeps items with their vectors and finds them again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tieback_contract.collections import Source
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import QueryOptions
from tieback_contract.tenants import TenantUsage
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.collections import query
from tieback.collections.pages import IndexPage, size_of_page
from tieback.collections.quotas import IndexSize
from tieback.collections.readers import Readers
from tieback.collections.served import ServedSpaces
from tieback.collections.sources import check_source, check_source_name
from tieback.core.call import NO_CALL, Call
from tieback.core.errors import NotFound, Unavailable
from tieback.core.page_tokens import PageTokens
from tieback.core.tenant import PRINCIPAL
from tieback.core.types.collection import IndexedItem, StoredCollection, UpsertReply
from tieback.core.types.content import Item
from tieback.core.types.fusion import Routing
from tieback.core.types.load import Load
from tieback.core.types.search import SearchReply, SearchRequest
from tieback.filters import Check, parse
from tieback.index.collection import DamagedCollection, OpenCollection, ReadCollection, load
from tieback.index.items import ItemWriter
from tieback.index.lifecycle import Lifecycle
from tieback.index.memory.collection import Memory
from tieback.index.memory.unused_memory import give_back, large_buffers_given_back
from tieback.index.migration.generations import Generations
from tieback.index.migration.moves import Moves
from tieback.index.migration.reindexing import EncodedAgain
from tieback.index.migration.stored_items import StoredItems
from tieback.index.migration.target_vectors import translated, with_translated
from tieback.index.ownership import OwnedCollections
from tieback.index.query.recorder import Recorder, waited_to_return
from tieback.index.query.search import search
from tieback.index.snapshots import Snapshots
from tieback.index.store.folder import Store
from tieback.index.store.originals import Originals
from tieback.index.store.references import ReferredOriginals
from tieback.index.vectors import one_thread
from tieback.index.vectors.training import Trainer
from tieback.ports import DEFAULT_ROUTING

DEFAULT_LIMITS = Limits()

T = TypeVar("T")


class Index(EncodedAgain):
    """`IndexPort` over one store on this machine. Open it with `Index.open`."""

    def __init__(self, store: Store, limits: Limits, originals_bytes: int, served: ServedSpaces) -> None:
        self._store, self._served = store, served
        self._originals = Originals(store.originals, originals_bytes)
        self._tokens = PageTokens(store.page_key)
        self._owned = OwnedCollections()
        self._readers = Readers(one_thread)
        self._writers = ThreadPoolExecutor(2, "index-write", initializer=one_thread)
        self._trainer = Trainer()
        self._generations = Generations(
            *(store, self._owned, self._originals, self._writers, limits, self._trainer)
        )
        self._references = ReferredOriginals(self._originals, self._owned, self._generations)
        self._lifecycle = Lifecycle(
            *(store, self._owned, self._generations, self._references),
            *(self._writers, limits.collections, served),
        )
        self.stored = StoredItems(store, self._owned, self._originals)
        self.snapshots = Snapshots(
            *(store, self._owned, self._lifecycle, self._references, served, self._tokens),
            writers=self._writers,
            train=self._trainer.train,
        )
        self._items = ItemWriter(
            self._owned, self._references, self._readers, limits, keeps=self._originals.keeps
        )
        self.moves = Moves(
            *(store, self._owned, self._generations, self._lifecycle, self._references, self._trainer),
            self._to_reindex,
        )
        self._closed = False

    @classmethod
    def open(
        cls,
        directory: str | Path,
        limits: Limits = DEFAULT_LIMITS,
        *,
        originals_bytes: int = 0,
        served: ServedSpaces | None = None,
    ) -> Index:
        """Locks the store and reads it into memory; blocks some two seconds per 100,000 sections.

        A damaged collection is kept apart, and read as far as it can be. StartupError, saying what to do,
        where another server has the store, it has another format, or the folder cannot be used. At most
        `originals_bytes` of what is written are kept to be encoded again. What is `served` says which
        collections are stale, and in which spaces none are made.
        """
        one_thread()
        store = Store(Path(directory).absolute())
        try:
            index = cls(store, limits, originals_bytes, served or ServedSpaces())
            with large_buffers_given_back():
                for key in store.found():
                    opened = load(store, key, index._writers)
                    index._owned.add(opened)
                    if isinstance(opened, OpenCollection):
                        index._trainer.train(opened.memory)
            index._generations.load()
            index.moves.load()
            index.snapshots.load()
            index._references.sweep(path.name for path in store.originals.iterdir())
            give_back()
        except BaseException:
            store.close()
            raise
        return index

    @property
    def size(self) -> IndexSize:
        """How much it holds, of all tenants."""
        readable = [one.memory for one in self._owned.readable()]
        return IndexSize(
            sections=sum(memory.section_count for memory in readable),
            vectors=sum(memory.vector_count for memory in readable),
            damaged=len(self._owned.damaged),
            stale=len(self.stale),
            vector_bytes=sum(memory.resident_bytes for memory in readable),
            token_bytes=sum(memory.token_bytes for memory in readable),
            originals=self._originals.bytes,
            moving=sum(memory.section_count for memory in readable if memory.next is not None),
            moved=sum(memory.next.count for memory in readable if memory.next is not None),
        )

    @property
    def stale(self) -> dict[str, str]:
        """Why collections cannot be found by contents, by owner and name."""
        found = {str(key): self._served.why_stale(one.description) for key, one in self._owned.sound.items()}
        return {name: why for name, why in found.items() if why}

    @property
    def of_nobody(self) -> int:
        """Collections that belong to no tenant, and that none can use where tokens are asked for."""
        return self._owned.stored("").collections

    @property
    def load(self) -> Load:
        """What waits and runs: searches and listings by one each, writes by their items."""
        load, writers = self._readers.load, [one.writer for one in list(self._owned.sound.values())]
        return replace(
            load,
            queued_items=load.queued_items + sum(writer.waiting_items for writer in writers),
            active_items=load.active_items + sum(writer.active_items for writer in writers),
        )

    async def close(self) -> None:
        """Writes what waits, then lets another server open the store."""
        if self._closed:
            return
        self._closed = True
        await self.snapshots.close()
        async with self._lifecycle.changing:
            every = [*self._owned.sound.values(), *self._generations.made.values()]
            await asyncio.gather(*(opened.writer.close() for opened in every))
            for stop in (
                *(self._readers.close, self._writers.shutdown, self._trainer.close),
                self._originals.close,
            ):
                await asyncio.to_thread(stop)
            self._store.close()

    async def create_collection(
        self,
        name: str,
        space: SpaceRef,
        width: int,
        routing: Routing = DEFAULT_ROUTING,
        codec: MethodChoice | None = None,
        token_vectors: TokenVectors | None = None,
        plan: QueryOptions | None = None,
    ) -> StoredCollection:
        """See `IndexPort`."""
        self._refuse_where_closed()
        return await self._lifecycle.create(name, space, width, routing, codec, token_vectors, plan)

    async def update_collection(self, name: str, plan: QueryOptions) -> StoredCollection:
        """See `IndexPort`."""
        return replace(await self._lifecycle.update(name, plan), name=name)

    async def get_collection(self, name: str) -> StoredCollection:
        """See `IndexPort`."""
        self._refuse_where_closed()
        known = self._owned.known(name)
        if isinstance(known, DamagedCollection):
            return self._described(known)
        return replace(self._described(known), sources=known.list_sources(), moving=self.moves.of(known))

    async def list_collections(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[StoredCollection], str]:
        """See `IndexPort`."""
        size = size_of_page(page_size)
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
        await self._lifecycle.delete(name)

    async def get_usage(self) -> TenantUsage:
        """See `IndexPort`."""
        principal = PRINCIPAL.get()
        stored = self._owned.stored(principal.tenant)
        return principal.usage(collections=stored.collections, items=stored.items, bytes=stored.bytes)

    async def record_source(self, collection: str, source: Source, *, moved: bool = False) -> Source:
        """See `IndexPort`."""
        check_source(source)
        async with self._lifecycle.changing:
            opened = self._opened(collection)
            noted = await asyncio.to_thread(opened.sources.record, source, moved=moved)
        return opened.counted(noted)

    async def delete_source(self, collection: str, name: str) -> int:
        """See `IndexPort`. Its items first: where that fails, the source is still there."""
        check_source_name(name, field=at("name"))
        async with self._lifecycle.changing:
            opened = self._opened(collection)
            opened.sources.get(name)
            memory = opened.memory
            ids = await self._readers.run(
                lambda _: _under_lock(memory, lambda: memory.ids_indexed_from(name))
            )
            removed = await self._items.remove(opened, ids)
            await asyncio.to_thread(opened.sources.remove, name)
        return removed

    async def upsert(self, collection: str, items: Sequence[IndexedItem]) -> UpsertReply:
        """See `IndexPort`. Of several items with one id in a request, the last that is valid is written."""
        opened = self._opened(collection)
        items = with_translated(opened.memory.next, opened.description, items)
        reply = await self._items.upsert(opened, items)
        await self.moves.write_beside(opened, items, reply.versions)
        self._trainer.train(opened.memory)
        return reply

    async def delete_items(self, collection: str, ids: Sequence[str]) -> int:
        """See `IndexPort`."""
        return await self._items.delete(self._opened(collection), ids)

    async def get_item(self, collection: str, id: str) -> Item:
        """See `IndexPort`."""
        memory = self._read_from(collection).memory
        entry = await self._readers.run(lambda _: _under_lock(memory, lambda: memory.items.get(id)))
        if entry is None:
            raise NotFound("item", id, hint=f"collection {collection!r} holds {memory.item_count} others")
        return entry.item

    async def list_items(
        self,
        collection: str,
        *,
        page_size: int = 0,
        page_token: str = "",
        filter: str = "",
        without_sections: bool = False,
        call: Call = NO_CALL,
    ) -> tuple[list[Item], str]:
        """See `IndexPort`. An item that is there throughout a listing is listed once, whatever is written.

        A page has `page_size` items, or fewer that take 3 MiB, or a single larger one.
        """
        opened = self._read_from(collection)
        memory = opened.memory
        size, tree = size_of_page(page_size), parse(filter)
        scope = ("items", *opened.description.key, filter)
        after = self._tokens.read(page_token, *scope) if page_token else ""
        page = IndexPage(size)

        def take(item_id: str) -> bool:
            if without_sections:
                head = memory.items.head(item_id)
                return head is None or page.take(head)
            entry = memory.items.get(item_id)
            return entry is None or page.take(entry.item)

        await self._readers.run(lambda check: memory.page(after, tree, take, check), call.deadline)
        token = self._tokens.issue(page.items[-1].id, *scope) if page.more else ""
        return page.items, token

    async def count_items(
        self, collection: str, *, filter: str = "", call: Call = NO_CALL
    ) -> tuple[int, int]:
        """See `IndexPort`. Both are of one moment."""
        memory, tree = self._read_from(collection).memory, parse(filter)

        def count(check: Check) -> tuple[int, int]:
            scans = memory.scan(tree, check)
            with memory.lock.reading():
                passing = memory.allowed(tree, scans, check)
                return len(memory.item_ids(passing)), int(passing.sum())

        return await self._readers.run(count, call.deadline)

    async def search(self, request: SearchRequest, call: Call = NO_CALL) -> SearchReply:
        """See `IndexPort`.

        Of both vector and words, a hit's score is what the fusion method makes of them; else the similarity,
        balanced (`collections/balance.py`) where that is asked for, or the share of the words' best BM25
        score. Where the query is expanded, it is that of the expanded query.
        """
        begin = time.perf_counter()
        opened = self._read_from(request.collection)
        moved = translated(opened.memory.next, opened.description, request)
        wanted = query.checked(opened.description, moved, led=moved is not request)
        queued = started = time.perf_counter()

        def work(check: Check) -> SearchReply:
            nonlocal started
            started = time.perf_counter()
            recorder = Recorder(opened.memory, begin) if request.explain else None
            return search(opened.memory, wanted, check, recorder, call.deadline)

        reply = await self._readers.run(work, call.deadline)
        end = time.perf_counter()
        self._readers.took(end - started)
        timing = reply.timing
        timing.prepare, timing.queue = queued - begin, started - queued
        timing.compute, timing.total = end - started, end - begin
        if request.explain:
            timing.stages.append(waited_to_return(timing))
        return reply

    def _described(self, known: OpenCollection | DamagedCollection) -> StoredCollection:
        """The collection as it stands, under the name that the tenant calls it by."""
        description = known.description
        name = PRINCIPAL.get().address(description.key)
        return replace(known.describe(), name=name, stale=self._served.why_stale(description))

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


def _under_lock(memory: Memory, read: Callable[[], T]) -> T:
    with memory.lock.reading():
        return read()
