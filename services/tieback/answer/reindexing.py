"""A collection is encoded again, from its texts and the originals that were kept.

The index keeps the new vectors beside the old and replaces them at the end. This loop asks it for what is
pending, so that it may be cut short at any point and gone on with.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from tieback.answer.collection_spaces import CollectionSpace, CollectionSpaces
from tieback.answer.ingestion import Ingestion
from tieback.answer.stopwatch import Stopwatch
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types import PendingItem, ReindexedItem, ReindexProgress
from tieback.ports import IndexPort


class Reindexing:
    """Encodes collections again."""

    def __init__(self, spaces: CollectionSpaces, ingestion: Ingestion, index: IndexPort) -> None:
        self._spaces, self._ingestion, self._index = spaces, ingestion, index

    async def reindex(
        self, collection: str, *, space: str, drop_missing: bool, deadline: Deadline
    ) -> AsyncIterator[ReindexProgress]:
        """How far it is after each page, and how it ended: finished, or what cannot be encoded again.

        Texts that are longer than a new space reads are cut for it: sections and their ids stay as they are.
        """
        found = await self._index.get_collection(collection)
        into = self._spaces.to_reindex(found, space)
        if found.space == into.ref:
            yield ReindexProgress(into.ref, found.item_count, found.item_count, finished=True)
            return
        state = await self._index.begin_reindex(collection, into.ref, into.width)
        failures: dict[str, tuple[int, TiebackError]] = {}
        while True:
            yield ReindexProgress(into.ref, state.total, state.done)
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
                    errors = await self._encode(collection, into, fresh, deadline)
                    seen |= {
                        one.item.id: (one.version, error)
                        for one, error in zip(fresh, errors, strict=True)
                        if error is not None
                    }
                    done += sum(error is None for error in errors)
                    yield ReindexProgress(into.ref, state.total, done)
            failures = seen
            state = await self._index.finish_reindex(collection, list(failures) if drop_missing else [])
            told = {name: error for name, (_, error) in failures.items()}
            if state.done == state.total:
                self._spaces.forget(collection)
                yield ReindexProgress(into.ref, state.total, state.done, told, finished=True)
                return
            if not drop_missing and state.total - state.done <= len(failures):
                yield ReindexProgress(into.ref, state.total, state.done, told)
                return

    async def _encode(
        self, collection: str, into: CollectionSpace, page: Sequence[PendingItem], deadline: Deadline
    ) -> list[TiebackError | None]:
        """Encodes a page and writes its vectors; an error for each item that cannot be encoded."""
        errors: list[TiebackError | None] = [_lacking(one) for one in page]
        whole = [place for place, error in enumerate(errors) if error is None]
        encoded = await self._ingestion.encode_again(
            into, [page[place].item for place in whole], Stopwatch(), deadline
        )
        vectors: list[ReindexedItem] = []
        for place, result in zip(whole, encoded, strict=True):
            if isinstance(result, TiebackError):
                errors[place] = result
            else:
                vectors.append(ReindexedItem(page[place].item.id, page[place].version, result.sections))
        if vectors:
            refusals = await self._index.write_reindexed(collection, vectors)
            for one, error in zip(vectors, refusals, strict=True):
                if error is not None:
                    errors[next(n for n, known in enumerate(page) if known.item.id == one.id)] = error
        return errors


def _lacking(pending: PendingItem) -> TiebackError | None:
    lost = [section.id for section in pending.item.sections if section.content is None]
    if not lost:
        return None
    return InvalidInput(
        f"the original of section {lost[0]!r} is not kept, so it cannot be encoded again: ingest the "
        "item again"
    )
