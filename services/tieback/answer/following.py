"""Items that are written to a collection on its way to another space get their vectors there at once."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Protocol

from tieback.answer.spaces.collections import CollectionSpace
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.core.types.collection import FollowingVectors, IndexedItem
from tieback.core.types.content import Item
from tieback.core.types.reindexing import PendingItem, ReindexedItem
from tieback.token_spaces import TokenSpace

_log = logging.getLogger(__name__)


class EncodesAgain(Protocol):
    """See `Ingestion`."""

    def encode_again(
        self,
        into: CollectionSpace,
        tokens: TokenSpace | None,
        pending: Sequence[PendingItem],
        deadline: Deadline,
    ) -> AsyncGenerator[list[ReindexedItem | TiebackError], None]:
        """Items with vectors of a space, in order, some at a time."""
        ...


async def with_following(
    encoding: EncodesAgain,
    following: CollectionSpace,
    tokens: TokenSpace | None,
    items: Sequence[Item],
    indexed: Sequence[IndexedItem],
    deadline: Deadline,
) -> Sequence[IndexedItem]:
    """The items that are to be written, with their vectors in the space that follows.

    `items` are the same ones with their contents. Where that space does not answer, or refuses one, the
    vectors are left to who moves the collection: those of its own space are enough to find an item.
    """
    made: list[ReindexedItem | TiebackError] = []
    try:
        async for group in encoding.encode_again(
            following, tokens, [PendingItem(0, item) for item in items], deadline
        ):
            made += group
    except TiebackError as error:
        _log.info("vectors in %s are made later: %s", following.ref, error.message)
        return indexed
    return [
        replace(one, following=FollowingVectors(result.sections, result.pieces))
        if isinstance(result, ReindexedItem)
        else one
        for one, result in zip(indexed, made, strict=True)
    ]
