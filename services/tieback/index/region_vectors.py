"""The vectors of regions in memory: which section each belongs to, and where in its picture it is.

A region has a place of its own, reused after it is gone as positions of sections are. It costs 2 bytes per
dimension and some 100 bytes. The whole of a section with regions has a place beside them, so that one look-up
among very many finds the sections that are near by either.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tieback_contract.arrays import Array, Box

from tieback.core.boxes import WHOLE
from tieback.index.growing import GrowingVectors
from tieback.index.readwrite import ReadWriteLock
from tieback.index.records import Regions
from tieback.index.room import grown

_NOBODY = -1  # as a place, the last


class RegionVectors:
    """Regions by the positions of their sections."""

    def __init__(self, width: int, flat_up_to: int) -> None:
        self.count = 0
        """Regions of living sections."""
        self._vectors = GrowingVectors(width, flat_up_to, half=True)
        self._owners = np.zeros(0, np.int64)  # by place: the section's position
        self._whole = np.zeros(0, bool)  # by place: the whole, and no region
        self._boxes = np.zeros((0, 4), np.float32)  # by place
        self._counts = np.zeros(0, np.int64)  # by position: how many regions the section has
        self._places: dict[int, Array] = {}  # by position: the whole's, then those of the regions
        self._free: list[int] = []
        self._used = 0  # places that were ever used

    @property
    def exact(self) -> bool:
        """Whether a search looks at every region."""
        return self._vectors.exact

    @property
    def resident_bytes(self) -> int:
        """Bytes of the vectors in memory."""
        return self._vectors.resident_bytes

    def put(self, position: int, whole: Array, regions: Regions) -> None:
        """Gives a section without regions some; `whole` is its own vector."""
        places = np.array([self._place() for _ in range(1 + len(regions.vectors))], np.int64)
        self._counts = grown(self._counts, position + 1, 0)
        self._counts[position] = len(regions.vectors)
        self.count += len(regions.vectors)
        self._places[position] = places
        self._owners[places], self._whole[places] = position, False
        self._whole[places[0]] = True
        self._boxes[places[1:]] = regions.boxes
        self._vectors.put(places, np.concatenate((whole[None], regions.vectors)))

    def remove(self, position: int) -> None:
        """Forgets a section's regions, where it has some."""
        places = self._places.pop(position, None)
        if places is None:
            return
        self.count -= int(self._counts[position])
        self._counts[position] = 0
        self._owners[places] = _NOBODY
        self._vectors.remove(places)
        self._free.extend(reversed(places.tolist()))

    def counts(self, size: int) -> Array:
        """How many regions the sections at the first `size` positions have."""
        return grown(self._counts, size, 0)[:size]

    def search(
        self, query: Array, limit: int, allowed: Array, breadth: float = 1.0
    ) -> tuple[Array, Array, Array]:
        """The nearest wholes and regions: the sections' positions, the similarities, and which are wholes.

        Best first, at most `limit`; `allowed` is a mask of positions.
        """
        places, similarities = self._vectors.search(query, limit, self._wanted(allowed), breadth)
        return self._owners[places], similarities, self._whole[places]

    def best(self, query: Array, allowed: Array) -> Array:
        """By position, the similarity of the best region: -inf where there is none or `allowed` is False."""
        best = np.full(len(allowed), -np.inf, np.float32)
        wanted = self._wanted(allowed) & ~self._whole[: self._used]
        places, similarities = self._vectors.similarities(query, wanted)
        np.maximum.at(best, self._owners[places], similarities)
        return best

    def best_box(self, position: int, query: Array) -> Box | None:
        """Where the region of a section is that is most similar; None where it has none."""
        places = self._places.get(position)
        if places is None:
            return None
        best = places[1 + int(np.argmax(self._vectors.take(places[1:]) @ query))]
        return Box(*self._boxes[best].tolist())

    def all_of(self, position: int) -> tuple[Array, Array] | None:
        """The vectors of a section with regions and their boxes, the whole's first; else None."""
        places = self._places.get(position)
        if places is None:
            return None
        boxes = np.concatenate(([WHOLE], self._boxes[places[1:]]), dtype=np.float32)
        return self._vectors.take(places), boxes

    def wants_training(self) -> bool:
        """Whether the regions have outgrown exact search, or the lists they were sorted into."""
        return self._vectors.wants_training(self._used - len(self._free))

    def train(self, lock: ReadWriteLock) -> None:
        """See `GrowingVectors`."""
        living: Callable[[], Array] = self._living
        self._vectors.train(lock, living)

    def _wanted(self, allowed: Array) -> Array:
        """The places of allowed sections."""
        padded = np.zeros(max(len(self._counts), len(allowed)) + 1, bool)
        padded[: len(allowed)] = allowed
        return padded.take(self._owners[: self._used])  # that of nobody is the last, which is padding

    def _living(self) -> Array:
        return np.asarray(self._owners[: self._used] != _NOBODY)

    def _place(self) -> int:
        if self._free:
            return self._free.pop()
        self._used += 1
        self._owners = grown(self._owners, self._used, _NOBODY)
        size = len(self._owners)
        if len(self._boxes) < size:
            self._whole = np.concatenate((self._whole, np.zeros(size - len(self._whole), bool)))
            self._boxes = np.concatenate((self._boxes, np.zeros((size - len(self._boxes), 4), np.float32)))
        return self._used - 1
