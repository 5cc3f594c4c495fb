"""A collection is encoded again, from its texts and the originals that were kept.

The index keeps the new vectors beside the old and replaces them at the end. This loop asks it for what is
pending, so that it may be cut short at any point and gone on with.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from tieback.answer.collection_spaces import CollectionSpace, CollectionSpaces
from tieback.answer.ingestion import Ingestion
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexProgress
from tieback.ports import IndexPort


@dataclass(slots=True)
class Added:
    """How many texts were split, and how many sections that added."""

    split: int = 0
    sections: int = 0

    def count(self, item: ReindexedItem) -> None:
        """Adds what was split of an item."""
        self.split += item.split
        self.sections += item.added

    def progress(
        self,
        into: CollectionSpace,
        total: int,
        done: int,
        failures: Mapping[str, TiebackError] | None = None,
        *,
        finished: bool = False,
    ) -> ReindexProgress:
        """How far it is, with these counts."""
        told = failures or {}
        return ReindexProgress(into.ref, total, done, told, finished, self.split, self.sections)


class Reindexing:
    """Encodes collections again."""

    def __init__(self, spaces: CollectionSpaces, ingestion: Ingestion, index: IndexPort) -> None:
        self._spaces, self._ingestion, self._index = spaces, ingestion, index

    async def reindex(
        self, collection: str, *, space: str, drop_missing: bool, deadline: Deadline
    ) -> AsyncIterator[ReindexProgress]:
        """How far it is after each page, and how it ended: finished, or what cannot be encoded again.

        Texts that are longer than a new space reads are split for it; the other sections stay as they are.
        """
        found = await self._index.get_collection(collection)
        into = self._spaces.to_reindex(found, space)
        if found.space == into.ref:
            yield ReindexProgress(into.ref, found.item_count, found.item_count, finished=True)
            return
        state = await self._index.begin_reindex(collection, into.ref, into.width)
        failures: dict[str, tuple[int, TiebackError]] = {}
        added = Added()
        while True:
            yield added.progress(into, state.total, state.done)
            done, after = state.done, ""
            seen: dict[str, tuple[int, TiebackError]] = {}
            while page := await self._index.list_pending(collection, after):
                deadline.check("encoding the next items")
                after = page[-1].item.id
                for one in page:
                    if one.item.id in failures and failures[one.item.id][0] == one.version:
                        seen[one.item.id] = failures[one.item.id]
                fresh = [one for one in page if one.item.id not in seen]
                if fresh:
                    errors = await self._encode(collection, into, fresh, added, deadline)
                    seen |= {
                        one.item.id: (one.version, error)
                        for one, error in zip(fresh, errors, strict=True)
                        if error is not None
                    }
                    done += sum(error is None for error in errors)
                    yield added.progress(into, state.total, done)
            failures = seen
            state = await self._index.finish_reindex(collection, list(failures) if drop_missing else [])
            told = {name: error for name, (_, error) in failures.items()}
            if state.done == state.total:
                self._spaces.forget(collection)
                yield added.progress(into, state.total, state.done, told, finished=True)
                return
            if not drop_missing and state.total - state.done <= len(failures):
                yield added.progress(into, state.total, state.done, told)
                return

    async def _encode(
        self,
        collection: str,
        into: CollectionSpace,
        page: Sequence[PendingItem],
        added: Added,
        deadline: Deadline,
    ) -> list[TiebackError | None]:
        """Encodes a page and writes its vectors; an error for each item that cannot be encoded."""
        errors: list[TiebackError | None] = [_lacking(one) for one in page]
        whole = [place for place, error in enumerate(errors) if error is None]
        if not whole:
            return errors
        places = iter(whole)
        async with aclosing(
            self._ingestion.encode_again(into, [page[place] for place in whole], deadline)
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
                refusals = await self._index.write_reindexed(collection, [item for _, item in made])
                for (place, item), error in zip(made, refusals, strict=True):
                    errors[place] = error
                    if error is None:
                        added.count(item)
        return errors


def _lacking(pending: PendingItem) -> TiebackError | None:
    lost = [section.id for section in pending.item.sections if section.content is None]
    if not lost:
        return None
    return InvalidInput(
        f"the original of section {lost[0]!r} is not kept, so it cannot be encoded again: ingest the "
        "item again"
    )
