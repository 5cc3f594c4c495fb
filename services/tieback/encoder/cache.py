"""Results in memory, bounded by bytes: the least recently used ones leave.

A text's token vectors take a hundred times the bytes of its one vector, a picture's regions ten times, and
all save about the same time. On one list, a few rerankings would push out every vector. So there are two, and
where both are wanted neither has more than half of the bytes; what one does not need, the other may use.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from tieback.encoder.computed import Computed, arrays_of

ENTRY_BYTES = 640
"""What an entry takes beside its data: key, objects and their places in the dictionaries."""

SPAN_BYTES = 128
"""A span: a tuple of two numbers."""

LABEL_BYTES = 256
"""A label with its name."""


@dataclass(slots=True)
class _Shelf:
    """Entries, the least recently used first, and their bytes."""

    entries: OrderedDict[bytes, Computed] = field(default_factory=OrderedDict)
    bytes: int = 0


class MemoryCache:
    """Keeps at most `limit_bytes`; 0 keeps nothing. `bytes` is what all entries take. For one thread."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.bytes = self.evictions = 0
        self._light, self._bulky = _Shelf(), _Shelf()

    def get(self, key: bytes, *, invariant: bool) -> Computed | None:
        """The entry of that key, now the most recently used; where asked, only a batch-invariant one."""
        for shelf in (self._light, self._bulky):
            found = shelf.entries.get(key)
            if found is not None and (found.invariant or not invariant):
                shelf.entries.move_to_end(key)
                return found
        return None

    def put(self, key: bytes, computed: Computed) -> None:
        """Keeps a result, which must not change any more, unless it is too large or as good a one is kept."""
        size = bytes_of(computed)
        is_bulky = computed.tokens is not None or computed.regions is not None
        shelf = self._bulky if is_bulky else self._light
        earlier = shelf.entries.get(key)
        if size > self.limit_bytes or (earlier is not None and (earlier.invariant or not computed.invariant)):
            return
        if earlier is not None:
            del shelf.entries[key]
            self._count(shelf, -bytes_of(earlier))
        while self.bytes + size > self.limit_bytes:
            self._evict(self._bulky if self._is_bulky_over(size, shelf) else self._light)
        shelf.entries[key] = computed
        self._count(shelf, size)

    def __len__(self) -> int:
        return len(self._light.entries) + len(self._bulky.entries)

    def _is_bulky_over(self, size: int, shelf: _Shelf) -> bool:
        """Whether the bulky ones have to give way, with so many bytes to come on that shelf."""
        bulky = self._bulky.bytes + (size if shelf is self._bulky else 0)
        return bool(self._bulky.entries) and (bulky > self.limit_bytes // 2 or not self._light.entries)

    def _evict(self, shelf: _Shelf) -> None:
        _, oldest = shelf.entries.popitem(last=False)
        self._count(shelf, -bytes_of(oldest))
        self.evictions += 1

    def _count(self, shelf: _Shelf, size: int) -> None:
        shelf.bytes += size
        self.bytes += size


def bytes_of(computed: Computed) -> int:
    """What an entry takes in memory."""
    size = ENTRY_BYTES + SPAN_BYTES * len(computed.spans) + LABEL_BYTES * len(computed.labels)
    return size + sum(array.nbytes for array in arrays_of(computed) if array is not None)
