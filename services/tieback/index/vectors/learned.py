"""Vectors by a codec that is learned from them: exact until there are enough, then by the codec."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

from tieback.core.state import State
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors import Vectors
from tieback.index.vectors.ivf_store import FLAT_UP_TO, GrowingVectors
from tieback.index.vectors.learned_state import LearnedState
from tieback.index.vectors.listed import ListedVectors
from tieback.methods.codecs import LearnedCodec

MOST = 20_000
"""Vectors that a codec is learned from, drawn from all that there are."""

_CHUNK = 8192  # vectors that are encoded at a time

_log = logging.getLogger(__name__)


class LearnedVectors(GrowingVectors):
    """`StoredVectors` that become `ListedVectors`. What was learned stays, whatever is written later."""

    def __init__(
        self,
        width: int,
        codec: LearnedCodec,
        choice: MethodChoice,
        folder: Path,
        flat_up_to: int = FLAT_UP_TO,
    ) -> None:
        super().__init__(width, codec.learned_from)
        self._width, self._codec = width, codec
        self._choice, self._lists_from = choice, flat_up_to
        self._kept = LearnedState(folder, codec.schema)
        self._learned = self._kept.load(width)
        if self._learned is not None:
            self.current = self._coded(self._learned.arrays)

    @property
    def trained_on(self) -> int:
        """See `StoredVectors`."""
        return 0 if self._learned is None else int(self._learned.facts["trained_on"])

    @property
    def resident_bytes(self) -> int:
        """See `Vectors`. What was learned is among them."""
        arrays = {} if self._learned is None else self._learned.arrays
        return self.current.resident_bytes + sum(array.nbytes for array in arrays.values())

    def reserve(self, count: int) -> None:
        """See `StoredVectors`."""
        if isinstance(self.current, ListedVectors):
            self.current.reserve(count)

    def wants_training(self, count: int) -> bool:
        """See `StoredVectors`. A codec is learned once."""
        if isinstance(self.current, ListedVectors):
            return self.current.wants_training(count)
        return self._moved is None and count >= self._codec.learned_from

    def train(self, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """See `StoredVectors`. Learns the codec, and keeps what it learned. StorageFull where it cannot.

        Later the vectors are sorted into lists.
        """
        if isinstance(self.current, ListedVectors):
            self.current.train(lock, living)
            return
        try:
            super().train(lock, living)
        except OSError:
            if not self._kept.is_gone:
                raise
            _log.info("a collection was removed while its codec was being learned")

    def _trained(self, positions: Array, vectors: Array) -> Vectors:
        if self._learned is None:  # else taking the rows over failed after it had been learned
            chosen = np.arange(len(vectors))
            if len(vectors) > MOST:
                chosen = np.sort(np.random.default_rng(0).choice(len(vectors), MOST, replace=False))
            facts = {"codec": self._choice.name, "parameters": dict(self._choice.parameters)}
            state = self._codec.fit(vectors[chosen])
            self._learned = self._kept.save(state, {**facts, "trained_on": len(chosen)})
        made = self._coded(self._learned.arrays)
        made.reserve(int(positions.max()) + 1)
        for begin in range(0, len(positions), _CHUNK):
            rows = slice(begin, begin + _CHUNK)
            made.put(positions[rows], vectors[rows])
        return made

    def _coded(self, state: State) -> ListedVectors:
        return ListedVectors(
            self._width, self._codec.codec(state), self._codec.shortlist, self._kept.folder, self._lists_from
        )
