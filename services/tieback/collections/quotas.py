"""How much a tenant stores, against how much it may.

What is being written counts as stored, so that writes at the same time cannot pass the quota together.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tieback_contract.field_path import at

from tieback.collections.record import Record
from tieback.core.errors import InvalidInput, QuotaExceeded, TiebackError
from tieback.core.tenant import CollectionKey, Principal


class IndexSize(NamedTuple):
    """What is in all collections of all tenants, and how it is."""

    sections: int
    """Sections that can be read."""
    vectors: int
    """Vectors of these, and of their regions."""
    damaged: int
    """Collections whose files are damaged."""
    stale: int
    """Collections in another revision of their space than the one that is served."""
    vector_bytes: int
    """Bytes of the vectors in memory."""
    token_bytes: int
    """Bytes on disk of the vectors of tokens."""
    originals: int
    """Bytes on disk of what sections were encoded from."""
    moving: int = 0
    """Sections of collections that are between two spaces."""
    moved: int = 0
    """Those of them that have vectors of the new one."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a tenant stores in all its collections, and in its snapshots."""

    collections: int
    items: int
    bytes: int


class KnownItems(Protocol):
    """The living items of a collection."""

    def __contains__(self, item_id: str) -> bool:
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
        known: KnownItems,
        records: Iterable[Record],
    ) -> Iterator[None]:
        """Counts records as stored while they are written. QuotaExceeded where they are too much.

        `stored` is what the collection's owner stores, `known` what is in the collection. What adds nothing
        is never too much, though the quota was lowered below what is stored.
        """
        items = size = 0
        for record in records:
            items += record.item.id not in known
            size += record.bytes - known.bytes_of(record.item.id)
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


# How many distinct keys the metadata of a collection may have: each takes a column of its own in memory.
#
# Keys of items that are being written count too, so that requests at the same time cannot pass the limit
# together.
Checked = list[Record | TiebackError]


class KnownKeys(Protocol):
    """The keys that items of a collection have."""

    @property
    def keys(self) -> int:
        """How many there are."""
        ...

    def has_key(self, key: str) -> bool:
        """Whether some item has this one."""
        ...


class KeyBudget:
    """The keys of one collection. May be used from any thread."""

    def __init__(self, facts: KnownKeys) -> None:
        self._facts = facts
        self._lock = threading.Lock()
        self._writing: Counter[str] = Counter()  # keys that no item had when their writing began

    def admit(self, checked: Sequence[Record | TiebackError], most: int) -> tuple[Checked, list[str]]:
        """What may be written, with InvalidInput in the place of each item that has too many new keys.

        Its new keys count as there until they are given to `release`. `most` is the limit; 0 is none.
        """
        admitted: Checked = []
        taken: list[str] = []
        with self._lock:
            for place, one in enumerate(checked):
                new = self._new(one)
                more = sum(key not in self._writing for key in new)
                if most and more and self._facts.keys + len(self._writing) + more > most:
                    admitted.append(_too_many(more, most, place))
                    continue
                self._writing.update(new)
                taken += new
                admitted.append(one)
        return admitted, taken

    def release(self, keys: Sequence[str]) -> None:
        """Their items have been written, or not."""
        with self._lock:
            self._writing.subtract(keys)
            for key in set(keys):
                if not self._writing[key]:
                    del self._writing[key]

    def _new(self, one: Record | TiebackError) -> list[str]:
        if not isinstance(one, Record):
            return []
        return [key for key in one.item.metadata if not self._facts.has_key(key)]


def _too_many(more: int, most: int, place: int) -> InvalidInput:
    return InvalidInput(
        f"the item has {more} keys that are new to the collection, and it may have {most} different ones in "
        "all: use the keys that are there, or remove items whose keys nothing else has",
        field=at("items", place, "item", "metadata"),
    )
