"""How much a tenant stores, against how much it may.

What is being written counts as stored, so that writes at the same time cannot pass the quota together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tieback.core.errors import QuotaExceeded
from tieback.core.tenant import CollectionKey, Principal
from tieback.index.records import Record


@dataclass(frozen=True, slots=True)
class Stored:
    """What a tenant stores in all its collections, and in its snapshots."""

    collections: int
    items: int
    bytes: int


class KnownItems(Protocol):
    """The living items of a collection."""

    def has(self, item_id: str) -> bool:
        """Whether the item lives."""
        ...

    def bytes_of(self, item_id: str) -> int:
        """Bytes of the item; 0 where there is none."""
        ...


class QuotaWrites:
    """What is being written, by tenant. For one event loop."""

    def __init__(self) -> None:
        self._items: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @contextmanager
    def admitted(
        self,
        principal: Principal,
        key: CollectionKey,
        stored: Stored,
        memory: KnownItems,
        records: Iterable[Record],
    ) -> Iterator[None]:
        """Counts records as stored while they are written. QuotaExceeded where they are too much.

        `stored` is what the collection's owner stores, `memory` the collection. What adds nothing is never
        too much, though the quota was lowered below what is stored.
        """
        items = size = 0
        for record in records:
            items += not memory.has(record.item.id)
            size += record.bytes - memory.bytes_of(record.item.id)
        quota, owner = principal.quota_of(key), key.owner
        check(principal, owner, "items", stored.items + self._items[owner], items, quota.items)
        check(principal, owner, "bytes", stored.bytes + self._bytes[owner], size, quota.bytes)
        self._items[owner] += items
        self._bytes[owner] += max(size, 0)
        try:
            yield
        finally:
            self._items[owner] -= items
            self._bytes[owner] -= max(size, 0)


def check(principal: Principal, owner: str, what: str, stored: int, more: int, most: int | None) -> None:
    """QuotaExceeded, with the way out, where `more` on what is stored passes `most`.

    The numbers are the owner's alone to know.
    """
    if most is None or more <= 0 or stored + more <= most:
        return
    if owner != principal.tenant:
        raise QuotaExceeded(
            f"the quota of {owner!r}, whose collection it is, does not allow {more:,} {what} more; nothing "
            "of this was written: ask its owner"
        )
    raise QuotaExceeded(
        f"tenant {owner!r} stores {stored:,} of the {most:,} {what} that its quota allows, and this is "
        f"{more:,} more; nothing of it was written: remove items or a collection, or have the quota raised"
    )
