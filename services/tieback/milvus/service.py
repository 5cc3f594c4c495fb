"""The index service with its collections in Milvus: an `IndexPort`, and of `StorePort` what it can be."""

from __future__ import annotations

import asyncio
import contextvars
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from tieback_contract.collections import Source
from tieback_contract.field_path import at
from tieback_contract.hits import Hit
from tieback_contract.limits import Limits
from tieback_contract.metadata import INDEXED_FROM
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import NO_OPTIONS, QueryOptions
from tieback_contract.reports import Timing
from tieback_contract.tenants import TenantUsage
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.collections import query, quotas
from tieback.collections.creation import check_equal, check_equal_plan, check_new, check_number
from tieback.collections.description import Description
from tieback.collections.metadata import check_id
from tieback.collections.pages import IndexPage, size_of_page
from tieback.collections.quotas import IndexSize
from tieback.collections.readers import Readers
from tieback.collections.served import ServedSpaces
from tieback.collections.sources import as_noted, check_source, check_source_name
from tieback.collections.validation import check_batch, check_items
from tieback.collections.visibility import unknown
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import NotFound, TiebackError, Unavailable
from tieback.core.tenant import PRINCIPAL, AccessLevel, CollectionKey
from tieback.core.types.collection import IndexedItem, StoredCollection, UpsertReply
from tieback.core.types.content import Item
from tieback.core.types.fusion import Routing
from tieback.core.types.load import Load
from tieback.core.types.search import SearchReply, SearchRequest
from tieback.filters import Check, Comparison, Field, parse
from tieback.milvus import refusals
from tieback.milvus.catalog import Catalog, Known
from tieback.milvus.connection import Milvus, MissingCollection
from tieback.milvus.filtering import expression
from tieback.milvus.items import Items
from tieback.milvus.reading import Reader
from tieback.milvus.unsupported import NoMoves, NoOriginals, NoReindexing, NoSnapshots
from tieback.ports import DEFAULT_ROUTING
from tieback.query_stages.checks import check_plan
from tieback.query_stages.stage import Models

DEFAULT_LIMITS = Limits()
_CALLS_AT_ONCE = 16

T = TypeVar("T")


class MilvusIndex(NoReindexing):
    """`StorePort` over Milvus. What it does not offer is in `refusals.py`."""

    def __init__(
        self, milvus: Milvus, limits: Limits = DEFAULT_LIMITS, *, served: ServedSpaces | None = None
    ) -> None:
        self._milvus, self._limits, self._served = milvus, limits, served or ServedSpaces()
        self._catalog = Catalog(milvus)
        self._items = Items(milvus, secrets.token_hex(8))
        self._calls = ThreadPoolExecutor(_CALLS_AT_ONCE, "milvus-call")
        self._reader = Reader(milvus, self._items, self._calls)
        self._readers, self._writers = Readers(), Readers()  # writes wait for each other
        self._changing = asyncio.Lock()
        self._closed = False
        self.stored, self.moves = NoOriginals(), NoMoves()
        self.snapshots = NoSnapshots()

    @property
    def size(self) -> IndexSize:
        """How much it holds, of all tenants: of collections that were used here, as they were last."""
        known = self._catalog.known
        heads = self._reader.known_heads(one.identity for one in known.values())
        sections = sum(one.sections for one in heads)
        return IndexSize(sections, sections, 0, len(self.stale), 0, 0, 0)

    @property
    def stale(self) -> dict[str, str]:
        """Why collections cannot be found by contents, by owner and name, of those that are known."""
        found = {
            str(key): self._served.why_stale(one.description) for key, one in self._catalog.known.items()
        }
        return {name: why for name, why in found.items() if why}

    @property
    def of_nobody(self) -> int:
        """Collections that belong to no tenant, of those that are known."""
        return sum(not key.owner for key in self._catalog.known)

    @property
    def load(self) -> Load:
        """What waits and runs."""
        load, writers = self._readers.load, self._writers
        queued, active = load.queued_items + writers.queued, load.active_items + writers.active
        return replace(
            load, queued_items=queued, active_items=active, rejected=load.rejected + writers.rejected
        )

    async def reach(self) -> None:
        """Unavailable where Milvus cannot be reached; else the collections are known."""
        await asyncio.to_thread(self._catalog.all, Deadline.after(3.0), anew=True)

    async def close(self) -> None:
        """Lets calls under way end."""
        if self._closed:
            return
        self._closed = True
        for stop in (self._writers.close, self._readers.close, self._calls.shutdown, self._milvus.close):
            await asyncio.to_thread(stop)

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
        """See `IndexPort`. InvalidInput for a codec, and for vectors of tokens."""
        if plan is not None:
            check_plan(plan, Models(self._served.rerankers))
            refusals.check_plan(plan)
        self._served.check(space)
        check_new(name, space, width, routing)
        refusals.check_collection(codec, token_vectors)
        principal = PRINCIPAL.get()
        principal.require(AccessLevel.ADMIN, work="making a collection")
        key = CollectionKey(principal.tenant, name)

        def described(every: Collection[CollectionKey]) -> Description:
            check_number(len(every), self._limits.collections)
            number = sum(one.owner == key.owner for one in every)
            quotas.check(principal, key.owner, "collections", number, 1, principal.quota.collections)
            return Description(key, space, width, time.time(), routing)

        def make() -> StoredCollection:
            known = self._catalog.made(key, plan or NO_OPTIONS, described)
            check_equal(known.description, space, width, routing)
            check_equal_plan(name, plan, known.plan)
            return self._described(known)

        async def alone() -> StoredCollection:
            async with self._changing:
                return await self._run(lambda _: make())

        return await asyncio.shield(alone())

    async def update_collection(self, name: str, plan: QueryOptions) -> StoredCollection:
        """See `IndexPort`. InvalidInput for a plan that chooses what is not offered."""
        check_plan(plan, Models(self._served.rerankers))
        refusals.check_plan(plan)

        def update(_: Check) -> StoredCollection:
            known = self._catalog.find(name, AccessLevel.ADMIN)
            return self._described(self._catalog.note(replace(known, plan=plan)))

        async with self._changing:
            return await self._run(update, name)

    async def get_collection(self, name: str) -> StoredCollection:
        """See `IndexPort`."""

        def described(_: Check) -> StoredCollection:
            known = self._catalog.find(name)
            counts = self._reader.head(known).sources
            sources = [
                replace(one, item_count=counts.get(one.name, 0))
                for one in self._catalog.sources(known.description.key).values()
            ]
            return replace(self._described(known), sources=sources)

        return await self._run(described, name)

    async def list_collections(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[StoredCollection], str]:
        """See `IndexPort`."""
        size = size_of_page(page_size)

        def page(_: Check) -> tuple[list[StoredCollection], str]:
            scope = ("collections", PRINCIPAL.get().tenant)
            after = self._catalog.page_tokens.read(page_token, *scope) if page_token else ""
            names = sorted(name for name in self._catalog.visible() if name > after)
            token = self._catalog.page_tokens.issue(names[size - 1], *scope) if len(names) > size else ""
            return [self._described(self._catalog.find(name)) for name in names[:size]], token

        return await self._run(page)

    async def delete_collection(self, name: str) -> None:
        """See `IndexPort`."""

        def delete(_: Check) -> None:
            known = self._catalog.find(name, AccessLevel.ADMIN)
            self._catalog.remove(known)
            self._reader.forget(known)

        async def alone() -> None:
            async with self._changing:
                await self._run(delete, name)

        await asyncio.shield(alone())

    async def get_usage(self) -> TenantUsage:
        """See `IndexPort`."""
        principal = PRINCIPAL.get()
        stored = await self._run(lambda _: self._stored(principal.tenant))
        return principal.usage(collections=stored.collections, items=stored.items, bytes=stored.bytes)

    async def record_source(self, collection: str, source: Source, *, moved: bool = False) -> Source:
        """See `IndexPort`."""
        check_source(source)

        def note(_: Check) -> Source:
            known = self._catalog.find(collection, AccessLevel.WRITE)
            key = known.description.key
            noted = as_noted(self._catalog.sources(key), source, moved=moved)
            self._catalog.note_source(key, noted)
            return replace(noted, item_count=self._reader.head(known).sources.get(source.name, 0))

        async with self._changing:
            return await self._run(note, collection)

    async def delete_source(self, collection: str, name: str) -> int:
        """See `IndexPort`. Its items first: where that fails, the source is still there."""
        check_source_name(name, field=at("name"))

        def delete(_: Check) -> int:
            known = self._catalog.find(collection, AccessLevel.WRITE)
            key = known.description.key
            if name not in (there := self._catalog.sources(key)):
                raise NotFound("source", name, there)
            of_source = Comparison(Field(INDEXED_FROM, metadata=True), "=", name)
            removed = self._items.remove(known, self._items.ids(known, expression(of_source)))
            self._reader.forget(known)
            self._catalog.remove_source(key, name)
            return removed

        async with self._changing:
            return await self._run(delete, collection, threads=self._writers)

    async def upsert(self, collection: str, items: Sequence[IndexedItem]) -> UpsertReply:
        """See `IndexPort`. Of several items with one id in a request, the last that is valid is written."""
        begin = time.perf_counter()
        check_batch(len(items), self._limits, field=at("items"))

        def write(_: Check) -> UpsertReply:
            started = time.perf_counter()
            known = self._catalog.find(collection, AccessLevel.WRITE)
            description = known.description
            checked = check_items(items, description.space, description.width, self._limits)
            prepared = time.perf_counter()
            try:
                admitted = self._items.upsert(
                    known,
                    checked,
                    PRINCIPAL.get(),
                    lambda: self._stored(description.owner),
                    self._limits.collection_keys,
                )
            finally:
                self._reader.forget(known)
            end = time.perf_counter()
            timing = Timing(queue=started - begin, prepare=prepared - started, compute=end - prepared)
            timing.total = end - begin
            return UpsertReply([one if isinstance(one, TiebackError) else None for one in admitted], timing)

        # Once begun it is finished: numbers follow the rows.
        return await asyncio.shield(self._run(write, collection, threads=self._writers))

    async def delete_items(self, collection: str, ids: Sequence[str]) -> int:
        """See `IndexPort`."""
        check_batch(len(ids), self._limits, field=at("ids"))
        for position, item_id in enumerate(ids):
            check_id(item_id, field=at("ids", position))

        def delete(_: Check) -> int:
            known = self._catalog.find(collection, AccessLevel.WRITE)
            try:
                return self._items.remove(known, list(dict.fromkeys(ids)))
            finally:
                self._reader.forget(known)

        return await asyncio.shield(self._run(delete, collection, threads=self._writers))

    async def get_item(self, collection: str, id: str) -> Item:
        """See `IndexPort`."""

        def get(_: Check) -> Item:
            known = self._catalog.find(collection)
            item = self._items.get(known, id)
            if item is None:
                hint = f"collection {collection!r} holds {self._reader.head(known).items} others"
                raise NotFound("item", id, hint=hint)
            return item

        return await self._run(get, collection)

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
        """See `IndexPort`. An item that is there throughout a listing is listed once, whatever is written."""

        def listed(check: Check) -> tuple[list[Item], str]:
            known = self._catalog.find(collection, deadline=call.deadline)
            scope = ("items", *known.description.key, filter)
            after = self._catalog.page_tokens.read(page_token, *scope) if page_token else ""
            page = IndexPage(size_of_page(page_size))
            passing = self._reader.passing(known, parse(filter), call.deadline)
            for item in self._items.listed(known, after, passing, call.deadline):
                check("the next items")
                if not page.take(replace(item, sections=[]) if without_sections else item):
                    break
            token = self._catalog.page_tokens.issue(page.items[-1].id, *scope) if page.more else ""
            return page.items, token

        return await self._run(listed, collection, call.deadline)

    async def count_items(
        self, collection: str, *, filter: str = "", call: Call = NO_CALL
    ) -> tuple[int, int]:
        """See `IndexPort`. Milvus does not count items: with a filter, the keys of all sections are read."""

        def count(check: Check) -> tuple[int, int]:
            known = self._catalog.find(collection, deadline=call.deadline)
            passing = self._reader.passing(known, parse(filter), call.deadline)
            if not passing:
                head = self._reader.head(known, call.deadline)
                return head.items, head.sections
            items: Counter[str] = Counter()
            for row in self._items.rows(known, passing, ("pk", "item"), call.deadline):
                check("the next sections")
                items[row["item"]] += 1
            return len(items), items.total()

        return await self._run(count, collection, call.deadline)

    async def search(self, request: SearchRequest, call: Call = NO_CALL) -> SearchReply:
        """See `IndexPort`. Scores are those of the embedded store."""
        begin = time.perf_counter()
        started = begin

        def find(_: Check) -> list[Hit]:
            nonlocal started
            started = time.perf_counter()
            known = self._catalog.find(request.collection, deadline=call.deadline)
            wanted = query.checked(known.description, request)
            refusals.check_search(request)
            return self._reader.search(known, wanted, call.deadline)

        hits = await self._run(find, request.collection, call.deadline)
        end = time.perf_counter()
        self._readers.took(end - started)
        return SearchReply(hits, Timing(queue=started - begin, compute=end - started, total=end - begin))

    def _described(self, known: Known) -> StoredCollection:
        return self._reader.described(known, self._served.why_stale(known.description))

    def _stored(self, owner: str) -> quotas.Stored:
        known = self._catalog.all(anew=True)
        heads = [self._reader.head(known[key]) for key in known if key.owner == owner]
        return quotas.Stored(len(heads), sum(one.items for one in heads), sum(one.bytes for one in heads))

    async def _run(
        self,
        work: Callable[[Check], T],
        collection: str = "",
        deadline: Deadline = NO_DEADLINE,
        threads: Readers | None = None,
    ) -> T:
        """Runs work in a thread for the tenant that calls."""
        if self._closed:
            raise Unavailable("the index is shutting down")
        context = contextvars.copy_context()
        try:
            return await (threads or self._readers).run(lambda check: context.run(work, check), deadline)
        except MissingCollection:
            self._catalog.forget()
            raise unknown(collection, self._catalog.known) from None
