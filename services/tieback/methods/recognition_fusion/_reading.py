"""What a language model says of a text, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from tieback_contract.arrays import Array

NOTHING = -np.inf


@dataclass(slots=True)
class Distribution:
    """The model's scores of the next token: `logits` float32 `[tokens]` in the order of their bytes."""

    logits: Array
    _sums: dict[tuple[int, int, float], float] = field(default_factory=dict)

    def of(self, rank: int, temperature: float) -> float:
        """The log-probability of a token."""
        whole = self._sum(0, len(self.logits), temperature)
        return float(self.logits[rank]) / temperature - whole

    def of_range(self, begin: int, end: int, temperature: float) -> float:
        """The log-probability that it is one of the tokens from `begin` to `end`."""
        if begin >= end:
            return NOTHING
        return self._sum(begin, end, temperature) - self._sum(0, len(self.logits), temperature)

    def _sum(self, begin: int, end: int, temperature: float) -> float:
        key = (begin, end, temperature)
        if key not in self._sums:
            scaled = self.logits[begin:end].astype(np.float64) / temperature
            most = scaled.max()
            self._sums[key] = float(most + np.log(np.exp(scaled - most).sum()))
        return self._sums[key]


@dataclass(frozen=True, slots=True)
class Cut:
    """The tokens of ranks `begin` to `end` begin with all bytes of the text from its token `place` on."""

    place: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the model's tokenizer cuts it.

    `ranks` are its tokens, `distributions` the model's scores at each of their places, `cuts` the places
    from which on a single longer token could hold the rest of the text.
    """

    ranks: Sequence[int]
    distributions: Sequence[Distribution]
    cuts: Sequence[Cut]
