"""A collection is encoded again, from its texts and the originals that were kept.

The index keeps the new vectors beside the old and replaces them at the end. This loop asks it for what is
pending, so that it may be cut short at any point and gone on with.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

from tieback.answer.ingesting.items import Ingestion
from tieback.answer.spaces.collections import CollectionSpace, CollectionSpaces
from tieback.core.deadline import NO_DEADLINE
from tieback.core.errors import InvalidInput, NotFound, TiebackError
from tieback.core.tenant import PRINCIPAL, AccessLevel
from tieback.core.types.collection import StoredCollection
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexProgress, ReindexState
from tieback.ports import StorePort
from tieback.token_spaces import TokenSpace


class Reindexing:
    """A `ReindexPort`."""

    def __init__(self, spaces: CollectionSpaces, ingestion: Ingestion, index: StorePort) -> None:
        self._spaces, self._ingestion, self._index = spaces, ingestion, index

    async def check(self, collection: str, *, space: str = "") -> None:
        """See `ReindexPort`."""
        found = await to_change(self._index, collection, "encoding a collection again")
        self._spaces.to_reindex(found, space)

    async def reindex(
        self,
        collection: str,
        *,
        space: str = "",
        drop_missing: bool = False,
        ending: ReindexProgress | None = None,
    ) -> AsyncGenerator[ReindexProgress, None]:
        """How far it is after each page, and how it ended: finished, or what cannot be encoded again.

        Texts that are longer than a new space reads are split for it; the other sections stay as they are.
        `ending` is what a run that was cut short last told as finishing: where the vectors have changed
        already, that is how it ended.
        """
        found = await self._index.get_collection(collection)
        into = self._spaces.to_reindex(found, space)
        keeping = self._spaces.token_spaces.again(found.token_vectors)
        if found.space == into.ref and found.token_vectors in (None, keeping):
            if ending is None or ending.space != into.ref:
                count = found.item_count
                ending = ReindexProgress(into.ref, count, count, needed=False)
            yield replace(ending, finished=True, finishing=False, ended=True)
            return
        state = await self._index.begin_reindex(collection, into.ref, into.width, keeping)
        tokens = self._spaces.token_spaces.serving(keeping)
        write = functools.partial(self._index.write_reindexed, collection)
        failures: dict[str, tuple[int, TiebackError]] = {}
        while True:
            yield _progress(state)
            done, after = state.done, ""
            seen: dict[str, tuple[int, TiebackError]] = {}
            while page := await self._index.list_pending(collection, after):
                after = page[-1].item.id
                for one in page:
                    if one.item.id in failures and failures[one.item.id][0] == one.version:
                        seen[one.item.id] = failures[one.item.id]
                fresh = [one for one in page if one.item.id not in seen]
                if fresh:
                    errors = await encode_page(self._ingestion, into, tokens, fresh, write)
                    seen |= {
                        one.item.id: (one.version, error)
                        for one, error in zip(fresh, errors, strict=True)
                        if error is not None
                    }
                    done += sum(error is None for error in errors)
                    yield replace(_progress(state), done=done)
            failures = seen
            told = {name: error for name, (_, error) in failures.items()}
            # Nothing is known of how it went once the vectors have changed, so it is told before.
            state = await self._index.begin_reindex(collection, into.ref, into.width, keeping)
            end = replace(_progress(state), failures=told, failure_count=len(told))
            dropped = list(told) if drop_missing else []
            if state.total - state.done <= len(dropped):
                kept = state.total - len(dropped)
                yield replace(end, total=kept, done=kept, finished=True, finishing=True)
            finished = await self._index.finish_reindex(collection, dropped)
            if finished.done == finished.total:
                self._spaces.forget(collection)
                yield replace(end, total=finished.total, done=finished.done, finished=True, ended=True)
                return
            state = finished
            if not drop_missing and state.total - state.done <= len(failures):
                yield replace(end, total=state.total, done=state.done, ended=True)
                return

    async def discard(self, collection: str) -> None:
        """See `ReindexPort`. Of a collection that is gone, nothing is left."""
        with suppress(NotFound):
            await self._index.discard_reindex(collection)


async def to_change(index: StorePort, collection: str, work: str) -> StoredCollection:
    """A collection for this work. PermissionDenied without the role admin."""
    found = await index.get_collection(collection)
    principal = PRINCIPAL.get()
    principal.require(AccessLevel.ADMIN, principal.find(collection), work=work)
    return found


async def encode_page(
    ingestion: Ingestion,
    into: CollectionSpace,
    tokens: TokenSpace | None,
    page: Sequence[PendingItem],
    write: Callable[[Sequence[ReindexedItem]], Awaitable[list[TiebackError | None]]],
) -> list[TiebackError | None]:
    """Encodes stored items and writes their vectors; an error for each item that cannot be encoded."""
    errors: list[TiebackError | None] = [_lacking(one) for one in page]
    whole = [place for place, error in enumerate(errors) if error is None]
    if not whole:
        return errors
    places = iter(whole)
    async with aclosing(
        ingestion.encode_again(into, tokens, [page[place] for place in whole], NO_DEADLINE)
    ) as groups:
        async for results in groups:
            made: list[tuple[int, ReindexedItem]] = []
            for place, result in zip(itertools.islice(places, len(results)), results, strict=True):
                if isinstance(result, TiebackError):
                    errors[place] = result
                else:
                    made.append((place, result))
            if not made:
                continue
            refusals = await write([item for _, item in made])
            for (place, _), error in zip(made, refusals, strict=True):
                errors[place] = error
    return errors


def _progress(state: ReindexState) -> ReindexProgress:
    return ReindexProgress(
        state.space,
        state.total,
        state.done,
        split_sections=state.split_sections,
        added_sections=state.added_sections,
    )


def _lacking(pending: PendingItem) -> TiebackError | None:
    lost = [section.id for section in pending.item.sections if section.content is None]
    if not lost:
        return None
    return InvalidInput(
        f"the original of section {lost[0]!r} is not kept, so it cannot be encoded again: ingest the "
        "item again"
    )
