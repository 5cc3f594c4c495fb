"""The other items that hold the text of a hit, and documents that hold the same texts."""

from __future__ import annotations

from collections.abc import Sequence

from tieback_contract.arrays import Array
from tieback_contract.hits import SameText

from tieback.index.memory.collection import Memory

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
