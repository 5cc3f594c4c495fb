"""Vectors that are searched exactly until there are many, and by an inverted file from then on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors import FlatVectors, InvertedVectors, Structure, Vectors
from tieback.methods.codecs import LARGEST_HALF

FLAT_UP_TO = 50_000
_GROWTH_BEFORE_RETRAINING = 2.0
_CHUNK = 8192  # rows that are widened to float32 at a time


class CurrentVectors:
    """Passes on to `current`. `_moved` are the positions written while another kind is made, else None."""

    current: Vectors
    _moved: set[int] | None

    @property
    def exact(self) -> bool:
        """See `Vectors`."""
        return self.current.exact

    @property
    def structure(self) -> Structure:
        """See `Vectors`."""
        return self.current.structure

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""
        self.current.remove(positions)
        self._note(positions)

    def take(self, positions: Array) -> Array:
        """See `Vectors`."""
        return self.current.take(positions)

    def search(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """See `Vectors`."""
        return self.current.search(query, limit, allowed, breadth)

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        return self.current.similarities(query, allowed)

    def _note(self, positions: Array) -> None:
        """Keeps in mind what is written while another kind is made."""
        if self._moved is not None:
            self._moved.update(positions.tolist())


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
