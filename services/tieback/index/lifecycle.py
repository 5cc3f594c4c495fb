"""Collections are made and removed, one at a time; the store and what is open agree at every moment."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import NO_OPTIONS, QueryOptions
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.collections.creation import check_equal, check_equal_plan, check_new, check_number
from tieback.collections.description import Description
from tieback.collections.quotas import check
from tieback.collections.served import ServedSpaces
from tieback.collections.token_coding import TokenCoding
from tieback.collections.validation import check_space, check_width
from tieback.core.errors import AlreadyExists, Unavailable
from tieback.core.tenant import PRINCIPAL, AccessLevel, CollectionKey
from tieback.core.types.collection import DEFAULT_CODEC, StoredCollection
from tieback.core.types.fusion import Routing
from tieback.index.collection import DamagedCollection, OpenCollection, ReadCollection
from tieback.index.migration.generations import Generations
from tieback.index.ownership import OwnedCollections
from tieback.index.store.folder import Store
from tieback.index.store.references import ReferredOriginals
from tieback.index.vectors.codec_choice import codec_of
from tieback.methods.codecs import with_defaults
from tieback.query_stages.checks import check_plan
from tieback.query_stages.stage import Models

T = TypeVar("T")


class Lifecycle:
    """Makes and removes the collections of all tenants, at most `most` of them; 0 is no limit.

    Whoever changes what a collection is holds `changing`.
    """

    def __init__(
        self,
        store: Store,
        owned: OwnedCollections,
        generations: Generations,
        originals: ReferredOriginals,
        executor: Executor,
        most: int,
        served: ServedSpaces,
    ) -> None:
        self.changing = asyncio.Lock()
        self._store, self._owned = store, owned
        self._generations, self._originals = generations, originals
        self._executor, self._most, self._served = executor, most, served

    async def create(
        self,
        name: str,
        space: SpaceRef,
        width: int,
        routing: Routing,
        codec: MethodChoice | None,
        token_vectors: TokenVectors | None,
        plan: QueryOptions | None,
    ) -> StoredCollection:
        """Makes a collection, or returns the equal one. Once begun it is finished."""
        if plan is not None:
            check_plan(plan, Models(self._served.rerankers))
        self._served.check(space)
        check_new(name, space, width, routing)
        chosen = None if codec is None else with_defaults(codec)
        cut_to = codec_of(width, chosen or DEFAULT_CODEC).prefix
        if cut_to is not None:
            self._served.check_prefix(space, cut_to)
        tokens = None if token_vectors is None else self._tokens(token_vectors)
        PRINCIPAL.get().require(AccessLevel.ADMIN, work="making a collection")
        key, codec = CollectionKey(PRINCIPAL.get().tenant, name), chosen or DEFAULT_CODEC
        wanted = Description(key, space, width, time.time(), routing, codec, tokens)
        made = self._create(wanted, chosen, token_vectors, plan)
        return await asyncio.shield(made)

    async def delete(self, name: str) -> None:
        """Removes a collection and all it holds; as `create`, once begun."""
        await asyncio.shield(self._delete(name))

    async def _create(
        self,
        wanted: Description,
        codec: MethodChoice | None,
        tokens: TokenVectors | None,
        plan: QueryOptions | None,
    ) -> StoredCollection:
        """Makes it, or compares that which is there with what was said of it."""
        principal, key, name = PRINCIPAL.get(), wanted.key, wanted.name
        async with self.changing:
            if key in self._owned.damaged:
                raise self._owned.damaged[key].refusal()
            there = self._owned.sound.get(key)
            if there is None:
                self.check_room()
                number, most = self._owned.stored(key.owner).collections, principal.quota.collections
                check(principal, key.owner, "collections", number, 1, most)
                there = await self._in(lambda: self._make(wanted))
                if plan not in (None, NO_OPTIONS):
                    await self._in(partial(there.sources.set_plan, plan))
                self._owned.add(there)
            known = there.description
            check_equal(known, wanted.space, wanted.width, wanted.routing)
            if codec not in (None, known.codec):
                raise AlreadyExists(
                    "collection",
                    name,
                    f"the collection {name!r} is there, and keeps its vectors by the codec "
                    f"{known.codec.name!r} with {dict(known.codec.parameters)}; "
                    "leave the codec out, take another name, or delete it first",
                )
            if tokens is not None:
                self._served.token_spaces.check_same(name, tokens, known.token_vectors)
            check_equal_plan(name, plan, there.sources.plan)
            return there.describe()

    async def update(self, name: str, plan: QueryOptions) -> StoredCollection:
        """Replaces a collection's plan of queries, durably."""
        check_plan(plan, Models(self._served.rerankers))
        async with self.changing:
            known = self._owned.known(name, AccessLevel.ADMIN)
            if isinstance(known, DamagedCollection):
                raise known.refusal()
            await self._in(partial(known.sources.set_plan, plan))
            return known.describe()

    def _tokens(self, asked: TokenVectors) -> TokenVectors:
        """What is asked for, completed. InvalidInput, NotFound or SpaceMismatch where it cannot be kept."""
        kept = self._served.token_spaces.resolved(asked)
        check_space(kept.space, field=at("token_vectors", "space"))
        check_width(kept.width, field=at("token_vectors", "width"))
        TokenCoding(kept)
        return kept

    async def _delete(self, name: str) -> None:
        async with self.changing:
            known = self._owned.known(name, AccessLevel.ADMIN)
            key = known.description.key
            content = known.content if isinstance(known, DamagedCollection) else known
            try:
                await self._generations.discard(key)
                if isinstance(known, DamagedCollection):
                    left = await self._in(lambda: self._take_out(key, known.content))
                else:
                    async with known.writer.held():
                        left = await self._in(lambda: self._take_out(key, known))
                        await known.writer.abandon()
            except OSError as error:
                raise Unavailable(
                    f"the collection {name!r} could not be removed, and is there as before; try again"
                ) from error
        if content is not None:
            await self._originals.release(key.owner, content.memory.originals)
        await self._in(lambda: shutil.rmtree(left, ignore_errors=True))

    def check_room(self) -> None:
        """StorageFull where there are as many collections as the server keeps."""
        check_number(self._owned.count, self._most)

    def _make(self, description: Description) -> OpenCollection:
        table = self._store.create(description)
        return OpenCollection.load(description, table, self._executor, self._store.sources(description.key))

    def _take_out(self, key: CollectionKey, content: ReadCollection | None) -> Path:
        """In a thread: where the collection's files are left. Searches under way finish first."""
        with content.memory.lock.writing() if content is not None else nullcontext():
            left = self._store.take_out(key)
            self._owned.remove(key)  # at once: the next search must not look for the files
            return left

    async def _in(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)
