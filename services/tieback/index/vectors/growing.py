"""Vectors whose structure, or whose codec, follows their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from tieback_contract.arrays import Array

from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors import Vectors
from tieback.index.vectors.coded import CodedVectors

FLAT_UP_TO = 50_000
"""Vectors that are all compared, where what follows is lists."""

GROWTH = 2.0
"""Lists are made anew once there are so many times as many vectors."""

_FEW_MOVED = 256  # vectors that are taken over while searches wait: some ten milliseconds
_AT_ONCE = 8192  # vectors that are read at a time


class Growth(Protocol):
    """A step to another structure or codec, once there are enough vectors."""

    def is_due(self, current: Vectors, count: int, flat_up_to: int) -> bool:
        """Tell whether so many vectors want it; all are compared up to `flat_up_to`."""
        ...

    def take(self, work: Work) -> None:
        """Makes what is due beside searches and writes, and has it become what is searched."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """A step that is being taken: its `positions` lived when it began; `living` is asked under `lock`."""

    store: GrowingVectors
    positions: Array
    lock: ReadWriteLock
    living: Callable[[], Array]

    def read(self, positions: Array) -> tuple[Array, Array]:
        """The vectors of those positions that still have one, and these."""
        with self.lock.reading():
            there = positions[self.living()[positions]]
            return self.store.current.take(there), there

    def read_all(self, kind: Any) -> tuple[Array, Array]:
        """All vectors that are still there, in a precision, and their positions."""
        vectors: list[Array] = []
        positions: list[Array] = []
        for begin in range(0, len(self.positions), _AT_ONCE):
            part, there = self.read(self.positions[begin : begin + _AT_ONCE])
            vectors.append(part.astype(kind, copy=False))
            positions.append(there)
        return np.concatenate(vectors), np.concatenate(positions)

    def become(self, made: Vectors) -> None:
        """Has what was made be searched, with what was written meanwhile."""

        def catch_up(moved: Array, positions: Array, vectors: Array) -> None:
            made.remove(moved)
            if len(positions):
                made.put(positions, vectors)

        def swap() -> None:
            self.store.current = made

        self.swap_in(catch_up, swap)

    def swap_in(self, catch_up: Callable[[Array, Array, Array], None], swap: Callable[[], None]) -> None:
        """Takes over what was written meanwhile, until little is left, and swaps, under the lock.

        `catch_up` is given positions that were written or removed, those that live, and the vectors of these.
        """
        is_last = False
        while not is_last:
            with self.lock.writing():
                moved = self.store.moved()
                alive = moved[self.living()[moved]] if len(moved) else moved
                vectors = self.store.current.take(alive) if len(alive) else np.zeros((0, 0), np.float32)
                if is_last := len(moved) <= _FEW_MOVED:
                    if len(moved):
                        catch_up(moved, alive, vectors)
                    swap()
            if not is_last:
                catch_up(moved, alive, vectors)


class GrowingVectors:
    """All vectors of a collection, by position: in `current`, until one of the steps is due.

    They are `rounded` to what can be kept. Writes go through here, and searches to what is current.
    """

    def __init__(
        self,
        current: Vectors,
        steps: Sequence[Growth],
        *,
        flat_up_to: int,
        rounded: Callable[[Array], Array] | None = None,
    ) -> None:
        self.current = current
        """The structure that is searched now."""
        self.trained_on = 0
        """Number of vectors that the codec was learned from; 0 where it was not, or learns nothing."""
        self.flat_up_to = flat_up_to
        """See `Growth`."""
        self._steps, self._rounded = steps, rounded
        self._moved: set[int] | None = None  # positions written while a step is being taken, else None

    def reserve(self, count: int) -> None:
        """Makes room on disk for positions below `count`, which `put` relies on. StorageFull if need be."""
        if isinstance(self.current, CodedVectors):
            self.current.reserve(count)

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        if self._rounded is not None:
            vectors = self._rounded(vectors)
        self.current.put(positions, vectors)
        self._note(positions)

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""
        self.current.remove(positions)
        self._note(positions)

    def wants_training(self, count: int) -> bool:
        """Tell whether so many have outgrown the structure that they are in."""
        return self._moved is None and self._due(count) is not None

    def train(self, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """Takes the step that is due, beside the searches; one at a time. What `living` raises ends it."""
        with lock.writing():
            positions = np.flatnonzero(living())
            step = self._due(len(positions)) if self._moved is None else None
            if step is None:
                return
            self._moved = set()
        try:
            step.take(Work(self, positions, lock, living))
        finally:
            with lock.writing():
                self._moved = None

    def moved(self) -> Array:
        """Positions that were written or removed since it was last asked, ascending. Under the lock."""
        moved, self._moved = self._moved, set()
        return np.array(sorted(moved or ()), np.int64)

    def _due(self, count: int) -> Growth | None:
        return next((one for one in self._steps if one.is_due(self.current, count, self.flat_up_to)), None)

    def _note(self, positions: Array) -> None:
        if self._moved is not None:
            self._moved.update(positions.tolist())
