"""A collection's stored vectors as a transform brings them into the space that it is being moved to.

They are what sections without new vectors are compared by where the old encoder is gone. They are made of the
stored vectors and of the transform alone, so they are in memory only: a start makes them again. Positions are
the collection's. Reading and `put` are under the collection's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.hits import ReadIn

from tieback.core.room import grown
from tieback.index.vectors.growing import FLAT_UP_TO
from tieback.index.vectors.ivf import growing_lists
from tieback.index.vectors.measured_recall import Searched

if TYPE_CHECKING:
    from tieback.index.memory.collection import Memory

_AT_ONCE = 2048  # rows that are put while searches wait


class TranslatedVectors:
    """Rows of a collection, in half precision. `translate` makes `[n, width]` of stored vectors."""

    def __init__(
        self,
        memory: Memory,
        translate: Callable[[Array], Array],
        width: int,
        *,
        flat_up_to: int = FLAT_UP_TO,
    ) -> None:
        self._memory, self._translate = memory, translate
        self._rows = growing_lists(width, flat_up_to, half=True)
        self._known = np.zeros(0, bool)  # by position
        self.is_complete = False
        """Whether all sections have one: until then nothing is compared by them."""

    @property
    def resident_bytes(self) -> int:
        """Bytes of the vectors in memory."""
        return self._rows.current.resident_bytes

    def fill(self) -> None:
        """Translates what the collection has, beside searches and writes. Blocks; takes the lock itself.

        It ends early where the collection is not moved any more.
        """
        memory = self._memory
        with memory.lock.reading():
            positions = np.flatnonzero(memory.living())
        for begin in range(0, len(positions), _AT_ONCE):
            with memory.lock.reading():
                chunk = self._lacking(positions[begin : begin + _AT_ONCE])
                stored = memory.vectors.take(chunk) if len(chunk) else np.zeros((0, memory.width), np.float32)
            made = self._translate(stored)
            with memory.lock.writing():
                if memory.next is None or memory.next.translated is not self:
                    return
                lacking = np.isin(chunk, self._lacking(chunk))  # what was written since has its own
                self._put(chunk[lacking], made[lacking])
        with memory.lock.writing():
            self.is_complete = True

    def put(self, positions: Array, stored: Array) -> None:
        """Translates vectors `[n, old width]` that were just stored at positions `[n]`."""
        self._put(positions, self._translate(stored))

    def remove(self, positions: Array) -> None:
        """Forgets positions; they may be put again."""
        there = positions[grown(self._known, int(positions.max(initial=-1)) + 1, False)[positions]]
        self._known[there] = False
        self._rows.remove(there)

    def nearest(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """As `Memory.nearest`."""
        return self._rows.current.search(query, limit, allowed, breadth)

    def scores(self, positions: Array, query: Array) -> Array:
        """As `Memory.scores`."""
        if not len(positions):
            return np.zeros(0, np.float32)
        return np.asarray(self._rows.current.take(positions) @ query, np.float32)

    def searched(self, living: Array) -> Searched:
        """What a search by them looks through, of the collection's `living` sections."""
        rows = self._rows.current
        return Searched(ReadIn.TRANSLATED, rows, living, rows.exact, self.nearest, rows.take)

    def wants_training(self) -> bool:
        """Whether they have outgrown exact search, or the lists that they were sorted into."""
        return self._rows.wants_training(int(np.count_nonzero(self._known)))

    def train(self, check: Callable[[], None] = lambda: None) -> None:  # noqa: ARG002 - it takes seconds
        """Sorts them into lists beside the searches. Takes the lock itself."""
        self._rows.train(self._memory.lock, lambda: self._known)

    def _put(self, positions: Array, rows: Array) -> None:
        if not len(positions):
            return
        self._known = grown(self._known, int(positions.max()) + 1, False)
        self._known[positions] = True
        self._rows.put(positions, rows)

    def _lacking(self, positions: Array) -> Array:
        """Those of these positions that live and have no row."""
        known = grown(self._known, int(positions.max(initial=-1)) + 1, False)
        return positions[self._memory.living()[positions] & ~known[positions]]
