"""Sections of a ranking become hits: pieces of one short text are one, and an item has at most so many.

The hit of a text is its best piece, with the others attached (`collapsing.py`). Of an item's hits the best
are kept, and the others are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Protocol

from tieback.index.query import Query


class Ranked(Protocol):
    """What grouping reads of the sections of a ranking."""

    @property
    def continuing(self) -> int:
        """Sections of the collection that continue others."""
        ...

    def text_of(self, position: int) -> tuple[str, int]:
        """What names the text that a section is of."""
        ...

    def order_key(self, position: int) -> tuple[str, int]:
        """The section's item and ordinal."""
        ...


def grouped(memory: Ranked, query: Query, positions: Sequence[int], limit: int) -> list[list[int]]:
    """The rows of a ranking by hit, best first: the rows up to that of the best piece of the last hit.

    `positions` are the sections, best first. There are at most `limit` hits, 1 or more.
    """
    collapses = _collapses(memory, query)
    rows: dict[Hashable, list[int]] = {}
    hits_of: Counter[str] = Counter()
    for row, position in enumerate(positions):
        text = memory.text_of(position) if collapses else position
        if text not in rows and query.hits_per_item:
            item, _ = memory.order_key(position)
            if hits_of[item] == query.hits_per_item:
                continue
            hits_of[item] += 1
        rows.setdefault(text, []).append(row)
        if len(rows) == limit:
            break
    return list(rows.values())


def takes_several_rows(memory: Ranked, query: Query) -> bool:
    """Whether hits may be fewer than the rows that they are made of."""
    return _collapses(memory, query) or query.hits_per_item > 0


def _collapses(memory: Ranked, query: Query) -> bool:
    return query.collapse and memory.continuing > 0
