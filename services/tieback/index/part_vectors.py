"""The vectors of parts in memory: which section each belongs to, and where in its picture it is.

A part has a place of its own, reused after it is gone as positions of sections are. It costs 2 bytes per
dimension and some 30 bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tieback.core.types import Array, Box
from tieback.index.growing import GrowingVectors
from tieback.index.readwrite import ReadWriteLock
from tieback.index.records import Parts

_NOBODY = -1


class PartVectors:
    """Parts by the positions of their sections."""

    def __init__(self, width: int, flat_up_to: int) -> None:
        self.vectors = GrowingVectors(width, flat_up_to, half=True)
        self._owners = np.zeros(0, np.int64)  # by place: the section's position
        self._boxes = np.zeros((0, 4), np.float32)  # by place
        self._counts = np.zeros(0, np.int64)  # by position: how many parts the section has
        self._places: dict[int, Array] = {}  # by position
        self._free: list[int] = []
        self._used = 0  # places that were ever used

    @property
    def count(self) -> int:
        """Parts of living sections."""
        return self._used - len(self._free)

    def put(self, position: int, parts: Parts) -> None:
        """Gives a section without parts some."""
        places = np.array([self._place() for _ in parts.vectors], np.int64)
        self._counts = _grown(self._counts, position + 1, 0)
        self._counts[position] = len(places)
        self._places[position] = places
        self._owners[places], self._boxes[places] = position, parts.boxes
        self.vectors.put(places, parts.vectors)

    def remove(self, position: int) -> None:
        """Forgets a section's parts, where it has some."""
        places = self._places.pop(position, None)
        if places is None:
            return
        self._counts[position] = 0
        self._owners[places] = _NOBODY
        self.vectors.remove(places)
        self._free.extend(reversed(places.tolist()))

    def counts(self, size: int) -> Array:
        """How many parts the sections at the first `size` positions have."""
        return _grown(self._counts, size, 0)[:size]

    def search(self, query: Array, limit: int, allowed: Array) -> tuple[Array, Array]:
        """The positions of the sections of the nearest parts, one per part, and the parts' similarities.

        `allowed` is a mask of positions.
        """
        wanted = self._living()
        wanted[wanted] = allowed[self._owners[: self._used][wanted]]
        places, similarities = self.vectors.search(query, limit, wanted)
        return self._owners[places], similarities

    def best(self, positions: Array, query: Array) -> Array:
        """The similarity of the best part of each section that has some, `[positions]`."""
        places = [self._places[position] for position in positions.tolist()]
        similarities = self.vectors.take(np.concatenate(places)) @ query
        starts = np.cumsum([0, *map(len, places[:-1])])
        return np.asarray(np.maximum.reduceat(similarities, starts))

    def best_box(self, position: int, query: Array) -> Box | None:
        """Where the part of a section is that is most similar; None where it has none."""
        places = self._places.get(position)
        if places is None:
            return None
        best = places[int(np.argmax(self.vectors.take(places) @ query))]
        x, y, width, height = self._boxes[best].tolist()
        return x, y, width, height

    def wants_training(self) -> bool:
        """Whether the parts have outgrown exact search, or the lists they were sorted into."""
        return self.vectors.wants_training(self.count)

    def train(self, lock: ReadWriteLock) -> None:
        """See `GrowingVectors`."""
        living: Callable[[], Array] = self._living
        self.vectors.train(lock, living)

    def _living(self) -> Array:
        return np.asarray(self._owners[: self._used] != _NOBODY)

    def _place(self) -> int:
        if self._free:
            return self._free.pop()
        self._used += 1
        self._owners = _grown(self._owners, self._used, _NOBODY)
        if len(self._boxes) < len(self._owners):
            more = np.zeros((len(self._owners) - len(self._boxes), 4), np.float32)
            self._boxes = np.concatenate((self._boxes, more))
        return self._used - 1


def _grown(array: Array, size: int, fill: int) -> Array:
    """The array, where need be with more room than asked for."""
    if size <= len(array):
        return array
    return np.concatenate((array, np.full(max(size - len(array), len(array), 256), fill, array.dtype)))
