"""A collection is moved to another space while it is read in both.

Sections get their new vectors in the order of their use. The index keeps what was made, so this may be cut
short at any point and gone on with.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

from tieback_contract.collections import Moving
from tieback_contract.vectors import SpaceRef

from tieback.answer.ingesting.items import Ingestion
from tieback.answer.moving.reindexing import encode_page, to_change
from tieback.answer.spaces.collections import CollectionSpace, CollectionSpaces
from tieback.core.deadline import Deadline
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, StaleCollection, TiebackError
from tieback.core.types.collection import StoredCollection
from tieback.core.types.moving import MoveProgress, StartedMove
from tieback.operation_ports import MovesPort
from tieback.ports import StorePort

UPGRADING = "upgrading a collection's space"
"""The work that a role is asked for."""
PAGE = 32
"""Items that are encoded in one step: after each, a pause or a new order may be noticed."""
ORDERED = 1024
"""After so many items, the order of their use is asked for again."""
LOADING_SECONDS = 30.0
"""How long a space that is no longer served may take to be loaded."""
FAILURES = 1000
"""Of the items that cannot be encoded, so many are reported; the others are counted."""


class MovingCollections:
    """A `MovingPort`."""

    def __init__(
        self, spaces: CollectionSpaces, ingestion: Ingestion, index: StorePort, moves: MovesPort
    ) -> None:
        self._spaces, self._ingestion, self._index, self._moves = spaces, ingestion, index, moves

    async def check(self, collection: str, *, space: str = "", least_trust: float = 0.0) -> Moving:
        """See `MovingPort`."""
        found = await self._found(collection)
        into = self._into(found, space)
        await self._moves.check(collection, into.width)
        return await self._as_moved(found, into, least_trust)

    async def move(
        self,
        collection: str,
        *,
        space: str = "",
        least_trust: float = 0.0,
        request: Mapping[str, Any],
    ) -> AsyncGenerator[MoveProgress, None]:
        """See `MovingPort`. A service that is down raises its error; the caller begins again."""
        found = await self._found(collection)
        into = self._into(found, space)
        if found.space == into.ref:  # it was finished
            yield MoveProgress(found.space, into.ref, 0, 0, is_over=True, ended=True)
            return
        moving = await self._as_moved(found, into, least_trust)
        keeping = self._spaces.token_spaces.again(found.token_vectors)
        started = StartedMove(
            *(into.ref, into.width),
            translation=moving.translation,
            trust=moving.trust,
            request=dict(request),
        )
        moving = await self._moves.begin(collection, started, keeping)
        self._spaces.forget(collection)
        tokens = self._spaces.token_spaces.serving(keeping)
        write = functools.partial(self._moves.write, collection)
        failures: dict[str, tuple[int, TiebackError]] = {}
        stays = into.stays.get(found.space, frozenset())
        try:
            more = True
            while more:
                more = False
                ids = await self._moves.in_order_of_use(collection)
                ids = [item_id for item_id in ids if item_id not in failures] + [*failures]
                ids = ids[:ORDERED]
                if stays and not (await self._state(collection, found.space, into.ref, failures)).ended:
                    more = await self._moves.keep(collection, ids, stays) > 0
                for begin in range(0, len(ids), PAGE):
                    state = await self._state(collection, found.space, into.ref, failures)
                    yield state
                    if state.ended:
                        return
                    page = await self._moves.read(collection, ids[begin : begin + PAGE])
                    page = [one for one in page if failures.get(one.item.id, (0,))[0] != one.version]
                    errors = await encode_page(self._ingestion, into, tokens, page, write)
                    more = more or bool(page)
                    for one, error in zip(page, errors, strict=True):
                        if error is not None:
                            failures[one.item.id] = one.version, error
                        else:
                            failures.pop(one.item.id, None)
            self._spaces.forget(collection)
            state = await self._state(collection, found.space, into.ref, failures)
            _, staying = await self._index.stored.staying(collection, stays)
            yield state if state.ended else replace(state, ended=True, staying=staying)
        except NotFound as missing:
            if missing.kind != "upgrade":
                raise
            yield MoveProgress(found.space, into.ref, 0, 0, is_over=True, ended=True)

    async def state(self, collection: str) -> StoredCollection:
        """See `MovingPort`."""
        return await self._index.get_collection(collection)

    async def pause(self, collection: str, *, paused: bool) -> StoredCollection:
        """See `MovingPort`."""
        await self._found(collection)
        await self._moves.pause(collection, paused=paused)
        return await self._index.get_collection(collection)

    async def finish(self, collection: str, *, drop_missing: bool = False) -> StoredCollection:
        """See `MovingPort`."""
        await self._found(collection)
        dropped = await self._moves.in_order_of_use(collection) if drop_missing else []
        await self._moves.finish(collection, dropped)
        self._spaces.forget(collection)
        return await self._index.get_collection(collection)

    async def roll_back(self, collection: str) -> StoredCollection:
        """See `MovingPort`."""
        await self._found(collection)
        await self._moves.discard(collection)
        self._spaces.forget(collection)
        return await self._index.get_collection(collection)

    async def _found(self, collection: str) -> StoredCollection:
        return await to_change(self._index, collection, UPGRADING)

    def _into(self, found: StoredCollection, space: str) -> CollectionSpace:
        into = self._spaces.to_reindex(found, space)
        if found.moving is not None and found.moving.space != into.ref:
            raise AlreadyExists(
                "upgrade",
                found.name,
                f"the collection {found.name!r} is being moved to {found.moving.space}; finish that upgrade, "
                "or roll it back, before you move it elsewhere",
            )
        return into

    async def _as_moved(self, found: StoredCollection, into: CollectionSpace, least_trust: float) -> Moving:
        """How it would be moved: both encoders are asked where the old one can be."""
        refuse_where_arrived(found, into, self._spaces.names)
        try:
            await self._spaces.own(found, Deadline.after(LOADING_SECONDS))
        except StaleCollection:
            known = await self._moves.transform(found.name, into.ref)
            if known is not None and known[1] >= least_trust:
                return Moving(into.ref, into.width, translation=known[0], trust=known[1])
            if found.moving is not None:  # what has new vectors is read by them once all have
                return Moving(into.ref, into.width)
            raise StaleCollection(
                _untrusted(found, into, known, least_trust), space=found.space.name
            ) from None
        return Moving(into.ref, into.width, total=found.section_count)

    async def _state(
        self,
        collection: str,
        old: SpaceRef,
        new: SpaceRef,
        failures: Mapping[str, tuple[int, TiebackError]],
    ) -> MoveProgress:
        moving = (await self._index.get_collection(collection)).moving
        if moving is None:
            return MoveProgress(old, new, 0, 0, is_over=True, ended=True)
        told = {item_id: error for item_id, (_, error) in list(failures.items())[:FAILURES]}
        return MoveProgress(
            *(old, new, moving.done, moving.total, told, len(failures)),
            paused=moving.paused,
            ended=moving.paused,
        )


def _untrusted(
    found: StoredCollection, into: CollectionSpace, known: tuple[str, float] | None, least_trust: float
) -> str:
    told = f"the model of the collection's space {found.space} is gone, and "
    if known is None:
        told += f"no transform from {into.ref} was learned for it while it was there (tieback upgrade plan)"
    else:
        told += (
            f"the transform {known[0]} from {into.ref} keeps {known[1]:.2f} of what a reindex would find, "
            f"less than {least_trust:g} (--least-trust)"
        )
    return f"{told}; encode the collection again: tieback reindex {found.name}"


def refuse_where_arrived(found: StoredCollection, into: CollectionSpace, names: list[str]) -> None:
    """InvalidInput where a collection is in that space already."""
    if found.space == into.ref:
        others = [name for name in names if name != into.name]
        raise InvalidInput(
            f"the collection {found.name!r} is in the space {into.ref} already; the others that this server "
            f"has: {', '.join(others) or 'none'}",
            field="space",
        )
