"""Decoding strategies: what the model says under several prompts becomes one score per token.

A strategy reads named streams, each a prompt of its own with a cache of its own, and combines their logits.
It does not choose: sampling is the same for all and lies beside the generator. Every strategy reads
`WITH_EVIDENCE`, the prompt as it would be asked plainly, since a choice is compared with the plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import numpy as np

from tieback.core.family import Family
from tieback.core.types.arrays import Array

WITH_EVIDENCE, WITHOUT_EVIDENCE = "with_evidence", "without_evidence"
"""The question with the passages before it, and the question alone."""

EXCLUDED = -np.inf
"""The score of a token that must not be chosen."""


class Decoding(Protocol):
    """A way to score the next token."""

    def __call__(self, streams: Mapping[str, Array]) -> Array:
        """Combines logits `[vocabulary]` by stream into scores `[vocabulary]`, whose softmax is sampled from.

        Arrays are float32; an excluded token scores -inf, and at least one token does not.
        """
        ...


D = TypeVar("D", bound=Callable[..., Array])

decodings: Family[Decoding] = Family(__name__, Decoding)


def reads(*streams: str) -> Callable[[D], D]:
    """Declares, beneath `@decodings.method`, which streams a strategy needs."""

    def declare(method: D) -> D:
        method.__dict__["streams"] = streams
        return method

    return declare


def streams_of(name: str) -> tuple[str, ...]:
    """The streams that the strategy reads. NotFound where there is none of that name."""
    streams: tuple[str, ...] = decodings.get(name).__dict__["streams"]
    return streams


def plausible(logits: Array, share: float) -> Array:
    """Which tokens `[vocabulary]` are at least so many times as probable as the likeliest one.

    The adaptive plausibility constraint of contrastive decoding (Li et al., 2023, arXiv:2210.15097): without
    it, a difference of logits prefers tokens that both streams hold for impossible. A share of 0 keeps all.
    """
    if share <= 0.0:
        return np.ones(logits.shape, bool)
    return np.asarray(logits >= logits.max() + np.log(share))
