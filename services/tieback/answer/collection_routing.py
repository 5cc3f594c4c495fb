"""How the queries of a collection are weighted where they do not say: kept with the collection."""

from __future__ import annotations

import asyncio
import dataclasses
import time

from tieback.answer.stopwatch import seconds_of
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded
from tieback.core.tenant import TENANT
from tieback.core.types import Routing
from tieback.ports import DEFAULT_ROUTING, IndexPort

KEPT_SECONDS = 5.0
"""So long an answer of the index is kept: a collection's routing changes only when it is made anew."""


class CollectionRouting:
    """Asks the index, and remembers for a little while."""

    def __init__(self, index: IndexPort) -> None:
        self._index = index
        self._known: dict[tuple[str, str], tuple[float, Routing]] = {}  # by tenant and its name for it

    async def of(self, collection: str, asked: Routing, deadline: Deadline) -> Routing:
        """What the query asks for, else what the collection has. NotFound where there is no collection.

        A query that says only what is to be done about lost spaces is weighted as the collection has it.
        """
        if dataclasses.replace(asked, missing=None) != DEFAULT_ROUTING:
            return asked
        known = await self._of(collection, deadline)
        return known if asked.missing is None else dataclasses.replace(known, missing=asked.missing)

    async def _of(self, collection: str, deadline: Deadline) -> Routing:
        now = time.monotonic()
        key = (TENANT.get(), collection)
        known = self._known.get(key)
        if known is not None and now < known[0]:
            return known[1]
        try:
            async with asyncio.timeout(seconds_of(deadline)):
                found = (await self._index.get_collection(collection)).routing
        except TimeoutError:
            raise DeadlineExceeded("the index did not answer in time") from None
        self._known = {name: kept for name, kept in self._known.items() if now < kept[0]}
        self._known[key] = (now + KEPT_SECONDS, found)
        return found
