"""The nearest of all vectors to some queries, and how far a search has to look to find enough of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

RECALL = 0.985
"""Of the nearest neighbours, the share that a search finds."""

FEW, MANY = 10, 100
"""Hits for which it is measured how far a search has to look; there may be fewer neighbours."""

QUERIES = 256
"""Vectors by which that is measured, at most."""


@dataclass(frozen=True, slots=True)
class Efforts:
    """Efforts that find enough of `FEW` and of `MANY` neighbours, measured with so many vectors."""

    few: int
    many: int
    measured_with: int

    def effort(self, hits: int) -> int:
        """Of a search for so many hits."""
        exponent = math.log(self.many / self.few) / math.log(MANY / FEW)
        return math.ceil(self.few * math.pow(max(hits, FEW) / FEW, exponent))


class Neighbours:
    """The nearest of all vectors to some queries `[queries, width]`; `own` is what each is itself, if any."""

    def __init__(self, queries: Array, own: Array | None = None) -> None:
        self._queries, self._own = queries, own
        self._numbers = np.zeros((len(queries), 0), np.int64)
        self._similarities = np.zeros((len(queries), 0), np.float32)

    def see(self, numbers: Array, vectors: Array) -> None:
        """Looks at more of the vectors."""
        similarities = self._queries @ vectors.T
        if self._own is not None:
            similarities[self._own[:, None] == numbers] = -np.inf
        every = np.concatenate((self._similarities, similarities), axis=1)
        known = np.concatenate((self._numbers, np.broadcast_to(numbers, similarities.shape)), axis=1)
        best = np.argpartition(-every, min(MANY, every.shape[1] - 1), axis=1)[:, :MANY]
        self._similarities = np.take_along_axis(every, best, 1)
        self._numbers = np.take_along_axis(known, best, 1)

    @property
    def numbers(self) -> Array:
        """Of each, `MANY` neighbours or as many as there are, best first."""
        return np.take_along_axis(self._numbers, np.argsort(-self._similarities, axis=1), 1)
