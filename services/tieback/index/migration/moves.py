"""Collections that are being moved to another space: read in both while their sections get new vectors.

What is written meanwhile has vectors in both spaces, so the old ones are complete until the end. Then the new
ones take their place in one step (`index/migration/generations.py`), or they are dropped and nothing has
changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, TiebackError, Unavailable
from tieback.core.tenant import CollectionKey
from tieback.core.types.collection import IndexedItem
from tieback.core.types.moving import StartedMove
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexState
from tieback.index.collection import OpenCollection
from tieback.index.lifecycle import Lifecycle
from tieback.index.migration.generations import Generations, link
from tieback.index.migration.translated_vectors import TranslatedVectors
from tieback.index.ownership import OwnedCollections
from tieback.index.store.folder import Store
from tieback.index.store.references import ReferredOriginals
from tieback.index.vectors.codec_choice import codec_of
from tieback.index.vectors.training import Trainer
from tieback.models.joint.transforms import CompatibleTransform, newest_transform

_log = logging.getLogger(__name__)


class ToMove(Protocol):
    """Gives a collection that the running task may move. NotFound, PermissionDenied or Damaged."""

    def __call__(self, name: str) -> OpenCollection:
        """By its name."""
        ...


class Moves:
    """A `MovesPort`."""

    def __init__(
        self,
        store: Store,
        owned: OwnedCollections,
        generations: Generations,
        lifecycle: Lifecycle,
        references: ReferredOriginals,
        trainer: Trainer,
        to_move: ToMove,
    ) -> None:
        self._store = store
        self._notes, self._owned, self._generations = generations.notes, owned, generations
        self._lifecycle, self._references, self._trainer = lifecycle, references, trainer
        self._to_move = to_move
        self._known: dict[CollectionKey, StartedMove] = {}

    def load(self) -> None:
        """At the start: goes on to read in both spaces what was being moved. After the generations' own."""
        for key, old in self._owned.sound.items():
            try:
                move = self._notes.read(key)
            except (ValueError, KeyError, TypeError) as error:
                _log.warning("what says that %s is being moved is damaged, and it is not: %s", key, error)
                move = None
                self._notes.remove(key)
            if move is None:
                continue
            made = self._generations.made.get(key)
            if move.space == old.description.space or made is None or made.description.space != move.space:
                # It has arrived, or it had not begun, or what was made for it is damaged.
                self._notes.remove(key)
                continue
            self._link(old, move)
            self._known[key] = move
            self._trainer.train(made.memory)
            self._translate(old)

    def of(self, opened: OpenCollection) -> StartedMove | None:
        """Where a collection is being moved; None where it is not."""
        move, following = self._move_of(opened), opened.memory.next
        if move is None or following is None:
            return None
        return replace(
            move,
            done=following.count,
            total=opened.memory.section_count,
            translates_stored=following.translated is not None,
        )

    async def check(self, collection: str, width: int) -> None:
        """See `MovesPort`."""
        codec_of(width, self._to_move(collection).description.codec)

    async def begin(
        self, collection: str, moving: StartedMove, token_vectors: TokenVectors | None
    ) -> StartedMove:
        """See `MovesPort`. Once begun it is finished."""

        async def begin() -> OpenCollection:
            async with self._lifecycle.changing:
                opened = self._to_move(collection)
                key = opened.description.key
                known = self._move_of(opened)
                if known is not None and known.space != moving.space:
                    raise AlreadyExists(
                        "upgrade",
                        collection,
                        f"the collection {collection!r} is being moved to {known.space}; finish that, or "
                        "roll it back, before you move it elsewhere",
                    )
                await self._generations.begin(opened, moving.space, moving.width, token_vectors)
                await asyncio.to_thread(self._notes.write, key, moving)
                self._known[key] = moving
                await asyncio.to_thread(self._link, opened, moving)
                return opened

        opened = await asyncio.shield(begin())
        await asyncio.to_thread(self._translate, opened)
        return self._of(opened)

    async def transform(self, collection: str, space: SpaceRef) -> tuple[str, float] | None:
        """See `MovesPort`."""
        opened = self._to_move(collection)
        found = await asyncio.to_thread(self._transform, opened, space)
        return None if found is None else (found.revision, found.trust)

    def _transform(
        self, opened: OpenCollection, space: SpaceRef, revision: str = ""
    ) -> CompatibleTransform | None:
        known = opened.description
        folder = self._store.upgrades(known.key)
        return newest_transform(folder, known.space, space, revision) if folder.is_dir() else None

    def _link(self, opened: OpenCollection, move: StartedMove) -> None:
        """Has it read in both spaces, as the note says. Blocks."""
        if opened.memory.next is None:
            link(opened, self._generations.made[opened.description.key])
        following = opened.memory.next
        known = "" if following is None or following.transform is None else following.transform.revision
        if following is None or known == move.translation:
            return
        transform = self._transform(opened, move.space, move.translation) if move.translation else None
        translated = None
        if transform is not None and transform.translates_stored:
            translated = TranslatedVectors(opened.memory, transform.translate, move.width)
        with opened.memory.lock.writing():
            following.transform, following.translated = transform, translated

    def _translate(self, opened: OpenCollection) -> None:
        """Translates the stored vectors, where searches are to read these. Blocks."""
        following = opened.memory.next
        if following is not None and following.translated is not None:
            following.translated.fill()
            self._trainer.train(following.translated)

    async def pause(self, collection: str, *, paused: bool) -> StartedMove:
        """See `MovesPort`."""
        async with self._lifecycle.changing:
            opened, move = self._moving(collection)
            changed = replace(move, paused=paused)
            await asyncio.to_thread(self._notes.write, opened.description.key, changed)
            self._known[opened.description.key] = changed
            return self._of(opened)

    async def in_order_of_use(self, collection: str) -> list[str]:
        """See `MovesPort`."""
        opened, _ = self._moving(collection)
        return await self._generations.in_order_of_use(opened)

    async def read(self, collection: str, ids: Sequence[str]) -> list[PendingItem]:
        """See `MovesPort`."""
        opened, _ = self._moving(collection)
        return await self._generations.read(opened, ids)

    async def keep(self, collection: str, ids: Sequence[str], modalities: Collection[Modality]) -> int:
        """See `MovesPort`."""
        opened, _ = self._moving(collection)
        return await self._generations.keep(opened, ids, modalities)

    async def write(self, collection: str, items: Sequence[ReindexedItem]) -> list[TiebackError | None]:
        """See `MovesPort`."""
        opened, _ = self._moving(collection)
        return await self._generations.write(opened, items)

    async def write_beside(
        self, opened: OpenCollection, items: Sequence[IndexedItem], versions: Mapping[str, int]
    ) -> None:
        """Writes the new vectors of items that were just written, where they came with some.

        What does not succeed is left to who moves the collection.
        """
        given = {one.item.id: one.following for one in items}
        made = [
            ReindexedItem(item_id, version, following.sections, following.pieces)
            for item_id, version in versions.items()
            if (following := given.get(item_id)) is not None
        ]
        if not made or opened.memory.next is None:
            return
        try:
            await self._generations.write(opened, made)
        except TiebackError as error:
            _log.info("new vectors of %s are made later: %s", opened.description.key, error.message)

    async def finish(self, collection: str, dropped: Sequence[str] = ()) -> ReindexState:
        """See `MovesPort`."""

        async def finish() -> ReindexState:
            async with self._lifecycle.changing:
                opened, _ = self._moving(collection)
                state = await self._generations.finish(opened, dropped)
                if state.done < state.total:
                    lacking = state.total - state.done
                    raise InvalidInput(
                        f"{lacking} of {state.total} items of {collection!r} have no vectors in the new "
                        "space yet; let the upgrade go on (tieback upgrade resume), then finish it",
                        field="collection",
                    )
                key = opened.description.key
                self._known.pop(key, None)
                await asyncio.to_thread(self._notes.remove, key)
            await self._references.release(opened.description.owner, opened.memory.originals)
            return state

        return await asyncio.shield(finish())

    async def discard(self, collection: str) -> None:
        """See `MovesPort`."""

        async def discard() -> None:
            async with self._lifecycle.changing:
                opened, _ = self._moving(collection)
                key = opened.description.key
                made = self._generations.made.get(key)
                self._known.pop(key, None)
                await self._generations.discard(key)
            if made is not None:
                await self._references.release(key.owner, made.memory.originals)

        await asyncio.shield(discard())

    def _move_of(self, opened: OpenCollection) -> StartedMove | None:
        """None too of a collection that was made anew under its name."""
        return None if opened.memory.next is None else self._known.get(opened.description.key)

    def _of(self, opened: OpenCollection) -> StartedMove:
        found = self.of(opened)
        if found is None:
            raise Unavailable("the upgrade has just ended; look at the collection")
        return found

    def _moving(self, collection: str) -> tuple[OpenCollection, StartedMove]:
        opened = self._to_move(collection)
        move = self._move_of(opened)
        if move is None:
            raise NotFound(
                "upgrade", collection, hint="it is not being moved: start it with `tieback upgrade start`"
            )
        return opened, move
