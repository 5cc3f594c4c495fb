"""Sections of a ranking become hits: pieces of one short text are one, and an item has at most so many.

The hit of a text is its best piece, with the others attached. A text that several items hold is a hit of the
item that comes first. Of an item's hits the best are kept; the others are left out, or attached to its best
one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Protocol

import numpy as np
from tieback_contract.arrays import Array

from tieback.collections.query import Query


class Ranked(Protocol):
    """What grouping reads of the sections of a ranking."""

    @property
    def continuing(self) -> int:
        """Sections of the collection that continue others."""
        ...

    def text_of(self, position: int) -> tuple[str, int]:
        """What names the text that a section is of."""
        ...

    def copy_of(self, position: int) -> int:
        """The number of the text that a section is of, the same in all items that hold it; 0 for none."""
        ...

    def order_key(self, position: int) -> tuple[str, int]:
        """The section's item and ordinal."""
        ...


def grouped(
    memory: Ranked, query: Query, positions: Sequence[int], limit: int, *, fill: bool = False
) -> list[list[int]]:
    """The rows of a ranking by hit, best first: the rows up to that of the best piece of the last hit.

    `positions` are the sections, best first. There are at most `limit` hits, 1 or more. To `fill` them up, an
    item may have more hits than the query says where there are too few otherwise.
    """
    hits = _grouped(memory, query, positions, limit, query.options.hits_per_item or 0)
    return _grouped(memory, query, positions, limit, 0) if fill and len(hits) < limit else hits


def full_items(
    memory: Ranked, query: Query, positions: Sequence[int], hits: Sequence[Sequence[int]]
) -> list[int]:
    """A section of each item that has as many hits as it may have."""
    of_items: dict[str, list[int]] = {}
    for row, *_ in hits:
        of_items.setdefault(memory.order_key(positions[row])[0], []).append(positions[row])
    return [own[0] for own in of_items.values() if len(own) == query.options.hits_per_item]


def takes_several_rows(memory: Ranked, query: Query) -> bool:
    """Tell whether hits may be fewer than the rows that they are made of."""
    return _collapses(memory, query) or bool(query.options.hits_per_item)


def _grouped(
    memory: Ranked, query: Query, positions: Sequence[int], limit: int, most: int
) -> list[list[int]]:
    collapses = _collapses(memory, query)
    rows: dict[Hashable, list[int]] = {}
    hits_of: Counter[str] = Counter()
    best_of: dict[str, Hashable] = {}
    holders: dict[int, str] = {}  # the item whose hit a text is, by the text's number
    for row, position in enumerate(positions):
        item, _ = memory.order_key(position)
        number = 0 if query.options.every_copy else memory.copy_of(position)
        if number and holders.setdefault(number, item) != item:
            continue
        text = memory.text_of(position) if collapses else position
        if text not in rows and most:
            if hits_of[item] == most:
                if query.request.fill_up:
                    rows[best_of[item]].append(row)
                continue
            hits_of[item] += 1
            best_of.setdefault(item, text)
        rows.setdefault(text, []).append(row)
        if len(rows) == limit:
            break
    return list(rows.values())


def _collapses(memory: Ranked, query: Query) -> bool:
    return bool(query.options.collapse_pieces) and memory.continuing > 0


# Says which sections are pieces of one short text, which can be one hit.
#
# Several pieces of a split text can match a query. If the text is short, they are one hit: the best piece,
# with the others attached. For longer texts, each piece is a hit; when only the best of neighbouring pieces
# was kept, the piece with the answer was left out too often (docs/search.md).
MOST_PIECES = 8
"""Of a short text: about 1,000 tokens, two pages. All but a few abstracts are shorter."""


def short_texts(continues: Sequence[bool]) -> Array | None:
    """By section, the number of the first section of its text; its own where no others belong to it.

    `continues` says of each whether it continues the one before. A longer text's sections are told apart.
    None where each section is a text of its own.
    """
    if not any(continues):
        return None
    numbers = np.arange(len(continues), dtype=np.int32)
    firsts = np.maximum.accumulate(np.where(continues, 0, numbers))
    pieces = np.bincount(firsts)[firsts]
    return np.where(pieces <= MOST_PIECES, firsts, numbers).astype(np.int32)
