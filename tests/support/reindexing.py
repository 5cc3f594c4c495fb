"""A collection of words is encoded again, into a space that is a little wider."""

from __future__ import annotations

import numpy as np
from tieback.core.types.collection import IndexedSection
from tieback.core.types.reindexing import PendingItem, ReindexedItem
from tieback.index import Index
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

from support.sections import vector

NEW = SpaceRef("pico", "r2", "f2")
WIDER = 6


def along(pending: PendingItem, number: int | None = None) -> ReindexedItem:
    """New vectors for a pending item: along an axis of the wider space."""
    sections = [
        IndexedSection(
            vector(*np.eye(WIDER, dtype=np.float32)[5 if number is None else number], space=NEW),
            "",
            Modality.TEXT,
        )
        for _ in pending.item.sections
    ]
    return ReindexedItem(pending.item.id, pending.version, sections)


async def encode_again(index: Index, name: str = "docs", number: int | None = None) -> list[str]:
    """All that is pending, page by page."""
    after = ""
    seen: list[str] = []
    while page := await index.list_pending(name, after):
        errors = await index.write_reindexed(name, [along(one, number) for one in page])
        assert errors == [None] * len(page)
        seen += [one.item.id for one in page]
        after = page[-1].item.id
    return seen
