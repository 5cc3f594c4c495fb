"""How many distinct keys the metadata of a collection may have: each takes a column of its own in memory.

Keys of items that are being written count too, so that requests at the same time cannot pass the limit
together.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput, TiebackError
from tieback.index.records import Record

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
