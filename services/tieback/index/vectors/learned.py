"""Vectors become rows of a codec that is learned from them, once there are enough."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

from tieback.artifacts import Artifact
from tieback.index.vectors import Vectors
from tieback.index.vectors.coded import CodedVectors
from tieback.index.vectors.growing import Work
from tieback.index.vectors.learned_state import LearnedState
from tieback.index.vectors.listed import SortedIntoLists
from tieback.methods.codecs import LearnedCodec

MOST = 20_000
"""Vectors that a codec is learned from, drawn from all that there are."""

_CHUNK = 8192  # vectors that are encoded at a time

_log = logging.getLogger(__name__)


class Learned:
    """A `Growth` that is taken once: what was learned stays, whatever is written later."""

    def __init__(
        self, width: int, codec: LearnedCodec, choice: MethodChoice, folder: Path, lists: SortedIntoLists
    ) -> None:
        self._width, self._codec, self._choice, self._lists = width, codec, choice, lists
        self._kept = LearnedState(folder, codec.schema)
        self._learned = self._kept.load(width)

    @property
    def trained_on(self) -> int:
        """See `GrowingVectors`."""
        return 0 if self._learned is None else int(self._learned.facts["trained_on"])

    def taken_over(self) -> CodedVectors | None:
        """Vectors by what was learned before, if that is there; they are empty yet."""
        return None if self._learned is None else self._coded(self._learned)

    def is_due(self, current: Vectors, count: int, flat_up_to: int) -> bool:  # noqa: ARG002 - it has its own
        """See `Growth`."""
        return not isinstance(current, CodedVectors) and count >= self._codec.learned_from

    def take(self, work: Work) -> None:
        """See `Growth`. Keeps what it learned. StorageFull where it cannot."""
        try:
            vectors, positions = work.read_all(np.float32)
            work.become(self._made(positions, vectors))
        except OSError:
            if not self._kept.is_gone:
                raise
            _log.info("a collection was removed while its codec was being learned")
        else:
            work.store.trained_on = self.trained_on

    def _made(self, positions: Array, vectors: Array) -> CodedVectors:
        if self._learned is None:  # else taking the rows over failed after it had been learned
            chosen = np.arange(len(vectors))
            if len(vectors) > MOST:
                chosen = np.sort(np.random.default_rng(0).choice(len(vectors), MOST, replace=False))
            facts = {"codec": self._choice.name, "parameters": dict(self._choice.parameters)}
            state = self._codec.fit(vectors[chosen])
            self._learned = self._kept.save(state, {**facts, "trained_on": len(chosen)})
        made = self._coded(self._learned)
        made.reserve(int(positions.max()) + 1)
        for begin in range(0, len(positions), _CHUNK):
            rows = slice(begin, begin + _CHUNK)
            made.put(positions[rows], vectors[rows])
        return made

    def _coded(self, learned: Artifact) -> CodedVectors:
        codec, size = self._codec.codec(learned.arrays), sum(one.nbytes for one in learned.arrays.values())
        made = CodedVectors(self._width, codec, self._codec.shortlist, self._kept.folder, learned_bytes=size)
        self._lists.take_over(made, self._width)
        return made
