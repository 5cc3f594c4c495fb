"""Encodings in memory, bounded by bytes: the least recently used are evicted.

The multi-vector of a text takes a hundred times the bytes of its single vector, that of a picture ten times,
and all save about the same time. On one list, a few rerankings would evict every vector. So there are two
lists. If both are needed, neither has more than half of the bytes; the other list may use what one does not
need.

Tenants are treated equally: the tenant with the most entries makes room. So a tenant with less than an equal
share loses no entry to another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.locators import Locators

from tieback.models.encoder_model import Prepared, RawEncoding

ENTRY_BYTES = 640
"""What an entry takes beside its data: key, objects and their places in the dictionaries."""

ROWS_BYTES = 256
"""A multi-vector beside its numbers: two arrays, and what holds the locators."""

LABEL_BYTES = 256
"""A label with its name."""


class Computed(NamedTuple):
    """A result at full width in float32, whatever was asked for: one serves all widths and element types.

    The arrays are read-only, since many may hold them. The model read `token_count` tokens after
    `truncated_tokens` were cut off. `invariant` means that it ran on this content alone, so that nothing else
    can have touched the result. `rows` and `locators` are of the multi-vector, `indices` (int32) and
    `weights` of the sparse one.
    """

    dense: Array | None
    rows: Array | None
    locators: Locators | None
    labels: Sequence[Label]
    token_count: int
    truncated_tokens: int
    invariant: bool
    indices: Array | None = None
    weights: Array | None = None

    @classmethod
    def of(cls, prepared: Prepared, raw: RawEncoding, invariant: bool) -> Computed:
        """The result in memory of its own: a row would keep its whole batch alive."""
        indices, weights = (None, None) if raw.sparse is None else raw.sparse
        return cls(
            _own(raw.dense),
            _own(raw.rows),
            None if raw.locators is None else _kept(raw.locators),
            tuple(raw.labels),
            prepared.tokens,
            prepared.truncated,
            invariant,
            _own(indices, np.int32),
            _own(weights),
        )


def arrays_of(computed: Computed) -> tuple[Array | None, ...]:
    """All that is in arrays."""
    one = computed
    places = None if one.locators is None else one.locators.places
    return one.dense, one.rows, places, one.indices, one.weights


def _kept(locators: Locators) -> Locators:
    places = locators.places.copy()
    places.flags.writeable = False
    return Locators(locators.kind, places)


def _own(array: Array | None, dtype: type[np.generic] = np.float32) -> Array | None:
    if array is None:
        return None
    own = array.astype(dtype)
    own.flags.writeable = False
    return own


@dataclass(slots=True)
class _Shelf:
    """Entries, the least recently used first, and their bytes."""

    entries: OrderedDict[bytes, Computed] = field(default_factory=OrderedDict)
    bytes: int = 0


@dataclass(slots=True)
class _Shelves:
    """What is kept for one tenant."""

    light: _Shelf = field(default_factory=_Shelf)
    bulky: _Shelf = field(default_factory=_Shelf)

    @property
    def bytes(self) -> int:
        return self.light.bytes + self.bulky.bytes


class MemoryCache:
    """Keeps at most `limit_bytes`; 0 keeps nothing. `bytes` is what all entries take. For one thread.

    A tenant has entries of its own: a key is another for another tenant.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.bytes = self.evictions = 0
        self._by_tenant: dict[str, _Shelves] = {}

    def get(self, key: bytes, *, invariant: bool, tenant: str = "") -> Computed | None:
        """The entry of that key, now the most recently used; where asked, only a batch-invariant one."""
        shelves = self._by_tenant.get(tenant)
        for shelf in () if shelves is None else (shelves.light, shelves.bulky):
            found = shelf.entries.get(key)
            if found is not None and (found.invariant or not invariant):
                shelf.entries.move_to_end(key)
                return found
        return None

    def put(self, key: bytes, computed: Computed, *, tenant: str = "") -> None:
        """Keeps a result, which must not change any more, unless it is too large or as good a one is kept."""
        size = bytes_of(computed)
        shelves = self._by_tenant.get(tenant) or _Shelves()
        is_bulky = computed.rows is not None
        shelf = shelves.bulky if is_bulky else shelves.light
        earlier = shelf.entries.get(key)
        if size > self.limit_bytes or (earlier is not None and (earlier.invariant or not computed.invariant)):
            return
        if earlier is not None:
            del shelf.entries[key]
            self._count(shelf, -bytes_of(earlier))
        while self.bytes + size > self.limit_bytes:
            # With what is to come, this one would hold the most: others do not make room for it.
            largest = max(self._by_tenant.values(), key=lambda other: other.bytes)
            largest = shelves if shelves.bytes + size >= largest.bytes else largest
            if not largest.bytes:
                return
            self._evict(largest, size if largest is shelves else 0, is_bulky=is_bulky)
        self._by_tenant[tenant] = shelves
        shelf.entries[key] = computed
        self._count(shelf, size)

    def __len__(self) -> int:
        return sum(len(one.light.entries) + len(one.bulky.entries) for one in self._by_tenant.values())

    def _evict(self, shelves: _Shelves, coming: int, *, is_bulky: bool) -> None:
        """Drops a tenant's least recently used entry, with so many bytes to come of that sort."""
        bulky = shelves.bulky.bytes + (coming if is_bulky else 0)
        share = self.limit_bytes // len(self._by_tenant)
        gives_way = bool(shelves.bulky.entries) and (bulky > share // 2 or not shelves.light.entries)
        shelf = shelves.bulky if gives_way else shelves.light
        _, oldest = shelf.entries.popitem(last=False)
        self._count(shelf, -bytes_of(oldest))
        self.evictions += 1
        if not shelves.bytes:
            self._by_tenant = {name: one for name, one in self._by_tenant.items() if one is not shelves}

    def _count(self, shelf: _Shelf, size: int) -> None:
        shelf.bytes += size
        self.bytes += size


def bytes_of(computed: Computed) -> int:
    """What an entry takes in memory."""
    size = ENTRY_BYTES + LABEL_BYTES * len(computed.labels) + (ROWS_BYTES if computed.rows is not None else 0)
    return size + sum(array.nbytes for array in arrays_of(computed) if array is not None)
