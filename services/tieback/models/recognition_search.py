"""Beam search over what a recogniser may have read or heard, alone or with a language model.

A text ends only where the end is the recogniser's first choice: a language model that likes short texts
cannot cut one off. The search is over when so many texts have ended as are followed: a text that repeats
itself for ever has likely tokens, so what is yet to end is not waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.recognition import RecognisedText

from tieback.catalog.card import RecogniserCard
from tieback.core.types.content import Content
from tieback.methods.recognition_fusion import Hypothesis, RecognitionFusion
from tieback.models.encoder_model import Prepared, Weight

NEVER = -np.inf


class Steps(Protocol):
    """A recogniser, token by token. Its `end` is the token that ends a text."""

    end: int

    def first(self) -> Array:
        """Log-probabilities `[1, tokens]` of the first token; `-inf` of those that may not be."""
        ...

    def after(self, parents: Sequence[int], tokens: Sequence[int]) -> Array:
        """Log-probabilities `[n, tokens]` after each of these, which follow rows of the last call."""
        ...

    def text_of(self, tokens: Sequence[int]) -> bytes:
        """The bytes of a text's tokens, without what is no text."""
        ...


class Reader(Protocol):
    """A language model that reads texts."""

    def read(self, texts: Sequence[bytes]) -> Sequence[Any]:
        """What it says of each, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A text: its tokens without the end, the log-probability of each with that of the end, and its score."""

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    score: float
    ended: bool

    @property
    def mean_log_probability(self) -> float:
        """The recogniser's, a token."""
        return float(np.mean(self.log_probabilities)) if self.log_probabilities else 0.0


def search(
    steps: Steps, fusion: RecognitionFusion, *, width: int, most: int, reader: Reader | None = None
) -> list[Found]:
    """The best texts of at most `most` tokens, best first, `width` at most.

    Width 1 takes the recogniser's first choice each time. What did not end is returned where nothing did.
    """
    live = [Found((), (), 0.0, ended=False)]
    ended: list[Found] = []
    rows = steps.first()
    for _ in range(most):
        readings: list[Any] = [None] * len(live)
        if reader is not None:
            readings = [*reader.read([steps.text_of(one.tokens) for one in live])]
        made: list[tuple[Found, int, tuple[float, ...]]] = []
        parents: list[int] = []
        hypotheses: list[Hypothesis] = []
        for place, (one, row) in enumerate(zip(live, rows, strict=True)):
            for token in _choices(row, steps.end, width):
                chances = (*one.log_probabilities, float(row[token]))
                made.append((one, token, chances))
                parents.append(place)
                hypotheses.append(Hypothesis(sum(chances), len(chances), readings[place]))
        if not made:
            break
        scores = fusion(hypotheses)
        live = []
        kept: list[int] = []
        tokens: list[int] = []
        for place in np.argsort(-scores, kind="stable"):
            one, token, chances = made[place]
            if token == steps.end:
                ended.append(Found(one.tokens, chances, float(scores[place]), ended=True))
            else:
                live.append(Found((*one.tokens, token), chances, float(scores[place]), ended=False))
                kept.append(parents[place])
                tokens.append(token)
            if len(live) == width or len(ended) == width:
                break
        if len(ended) == width:
            break
        if not live:
            break
        rows = steps.after(kept, tokens)
    return sorted(ended or live, key=lambda one: -one.score)


def _choices(row: Array, end: int, width: int) -> list[int]:
    """The likeliest tokens, of which the end is one only where it is the first, and then the only one."""
    count = min(width + 1, len(row))
    best = np.argpartition(-row, count - 1)[:count]
    order = [int(token) for token in best[np.argsort(-row[best], kind="stable")] if row[token] > NEVER]
    if order and order[0] == end:
        return [end]
    return [token for token in order if token != end][:width]


@dataclass(frozen=True, eq=False)
class Fusing:
    """A language model that takes part in recognising.

    `method` scores; `reader` makes, of a prompt and of how many texts are followed at once, what reads them.
    """

    method: RecognitionFusion
    reader: Callable[[str, int], Reader]


class RecogniserModel(Protocol):
    """A loaded recogniser of its card's modality.

    `prepare` may run in any thread; `run` runs in one thread at a time, on one content: how long it takes
    depends on what is written or said in it.
    """

    card: RecogniserCard

    def weigh(self, content: Content, limits: Limits) -> Weight:
        """Reads the header of one content: what decoding and running it take at most.

        InvalidInput, its field named by the modality, for what the header shows.
        """
        ...

    def prepare(self, content: Content, limits: Limits) -> Prepared:
        """Decodes one content. InvalidInput, its field named by the modality, where it cannot be read."""
        ...

    def run(self, prepared: Prepared) -> RecognisedText:
        """What is written or said in it, in reading order."""
        ...

    def warm_up(self) -> None:
        """Runs once, so that the first request does not pay for what is made on first use."""
        ...


@runtime_checkable
class FusingRecogniserModel(RecogniserModel, Protocol):
    """A recogniser in whose work a language model can take part."""

    def run_with(self, prepared: Prepared, fusing: Fusing) -> RecognisedText:
        """As `run`, with the language model."""
        ...
