"""What a language model says of a text, token by token."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
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


LARGEST_BYTE = b"\xff"


@dataclass(frozen=True, slots=True)
class ByteVocabulary:
    """`texts` are the tokens' bytes, sorted; `ids` `[tokens]` and `ranks` by id lead there and back."""

    texts: Sequence[bytes]
    ids: Array
    ranks: Mapping[int, int]
    longest: int

    @classmethod
    def of(cls, texts: Mapping[int, bytes]) -> ByteVocabulary:
        """Of tokens' bytes by id. Tokens without bytes are none of a text."""
        known = sorted((text, token) for token, text in texts.items() if text)
        ranks = {token: rank for rank, (_, token) in enumerate(known)}
        ids = np.array([token for _, token in known], np.int64)
        return cls([text for text, _ in known], ids, ranks, max((len(text) for text, _ in known), default=0))

    def longer(self, beginning: bytes) -> tuple[int, int]:
        """The ranks, from and to, of the tokens that begin with these bytes and are longer."""
        after = beginning + LARGEST_BYTE * self.longest
        return bisect_right(self.texts, beginning), bisect_right(self.texts, after)

    def rank(self, text: bytes) -> int | None:
        """The rank of the token of exactly these bytes; None where there is none."""
        place = bisect_left(self.texts, text)
        return place if place < len(self.texts) and self.texts[place] == text else None
