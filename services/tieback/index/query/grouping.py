"""Sections of a ranking become hits: pieces of one short text are one, and an item has at most so many.

The hit of a text is its best piece, with the others attached (`index/memory/copies.py`). A text that several
items hold is a hit of the item that comes first (`index/memory/copies.py`). Of an item's hits the best are
kept; the others are left out, or attached to its best one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Protocol

from tieback_contract.arrays import Array
from tieback_contract.hits import SameText

from tieback.index.memory.collection import Memory
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


MOST = 100
"""Items that are named of each hit, the first by their ids."""


def same_texts(
    memory: Memory, positions: Sequence[int], allowed: Array, *, whole: bool
) -> list[list[SameText]]:
    """By hit, the other items that hold its text among sections of the mask `allowed`.

    Where hits are documents, `whole` ones, those that are the same as a whole.
    """
    known = memory.copies.of(positions, allowed)
    found = []
    for position in positions:
        others = known.get(memory.copy_of(position), ())
        if whole:
            same = document_of(memory, position)
            others = [other for other in others if same and document_of(memory, other) == same]
        found.append(_named(memory, position, others) if len(others) > 1 else [])
    return found


def document_of(memory: Memory, position: int) -> tuple[int, ...]:
    """Key that is equal for two documents that hold the same texts: the numbers of these, in order.

    Nothing where one of its texts is compared with none.
    """
    numbers = [memory.copy_of(one) for one in memory.sections_beside(position).tolist()]
    if not all(numbers):
        return ()
    # The pieces of a text have one number, and copies may be cut otherwise.
    return tuple(number for place, number in enumerate(numbers) if place == 0 or number != numbers[place - 1])


def _named(memory: Memory, position: int, others: Sequence[int]) -> list[SameText]:
    own, _ = memory.order_key(position)
    first: dict[str, tuple[int, int]] = {}  # of each item, its first section with the text
    for other in others:
        item_id, ordinal = memory.order_key(other)
        if item_id != own:
            first[item_id] = min(first.get(item_id, (ordinal, other)), (ordinal, other))
    hits = [memory.hit(first[item_id][1], 0.0, None, None, None) for item_id in sorted(first)[:MOST]]
    return [SameText(one.item_id, one.item_title, one.section_id, one.uri) for one in hits]
