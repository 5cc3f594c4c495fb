"""Vectors that are searched exactly until there are many, and by an inverted file from then on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.current_vectors import CurrentVectors
from tieback.index.readwrite import ReadWriteLock
from tieback.index.vectors import FlatVectors, InvertedVectors, Vectors
from tieback.methods.codecs import LARGEST_HALF

FLAT_UP_TO = 50_000
_GROWTH_BEFORE_RETRAINING = 2.0
_CHUNK = 8192  # rows that are widened to float32 at a time


class GrowingVectors(CurrentVectors):
    """`StoredVectors` whose kind follows their number. `half` keeps them in half precision."""

    def __init__(self, width: int, flat_up_to: int, half: bool = False) -> None:
        self.current: Vectors = InvertedVectors(width, half=True) if half else FlatVectors(width)
        self._flat_up_to, self._half = flat_up_to, half
        self._moved: set[int] | None = None  # positions written while an inverted file is being trained

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        if self._half:
            vectors = np.clip(vectors, -LARGEST_HALF, LARGEST_HALF)  # beyond is infinite in half precision
        self.current.put(positions, vectors)
        self._note(positions)

    @property
    def resident_bytes(self) -> int:
        """See `Vectors`."""
        return self.current.resident_bytes

    @property
    def trained_on(self) -> int:
        """See `StoredVectors`. An inverted file is no codec."""
        return 0

    def reserve(self, count: int) -> None:
        """See `StoredVectors`. Nothing is on a disk."""

    def wants_training(self, count: int) -> bool:
        """Whether so many have outgrown exact search, or the lists they were sorted into."""
        if self._moved is not None:
            return False
        if isinstance(self.current, InvertedVectors) and not self.current.exact:
            return count > _GROWTH_BEFORE_RETRAINING * self.current.trained_on
        return count > self._flat_up_to

    def train(self, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """Builds an inverted file beside the searches and swaps it in. Seconds; one at a time.

        `living` gives the mask of positions in use, under the lock.
        """
        with lock.writing():
            positions = np.flatnonzero(living())
            if not self.wants_training(len(positions)):
                return
            self._moved = set()
            vectors = self._gathered(positions)
        try:
            trained = self._trained(positions, vectors)
        except BaseException:
            self._moved = None
            raise
        with lock.writing():
            moved = np.array(sorted(self._moved), np.int64)
            self._moved = None
            alive = moved[living()[moved]] if len(moved) else moved
            trained.remove(moved)
            if len(alive):
                trained.put(alive, self.current.take(alive))
            self.current = trained

    def _trained(self, positions: Array, vectors: Array) -> Vectors:
        """What takes the place of `current`, with the vectors `[n, width]` at positions `[n]`."""
        return InvertedVectors.trained(positions, vectors, self._half)

    def _gathered(self, positions: Array) -> Array:
        kind = np.float16 if self._half else np.float32
        chunks = (positions[begin : begin + _CHUNK] for begin in range(0, len(positions), _CHUNK))
        return np.concatenate([self.current.take(chunk).astype(kind, copy=False) for chunk in chunks])
