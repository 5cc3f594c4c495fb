"""One answer being written, token by token. Synchronous: the service runs it on a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieback.core.types.generation import FinishReason, SamplingParameters
from tieback.generator.sampling import Sampler
from tieback.generator.stopping import StopTexts
from tieback.generator.strategy_streams import StrategyStreams
from tieback.methods.decoding import PLAIN, DecodingStrategy, PromptForm, Step
from tieback.models.language_model import LanguageModel

READ_TOKENS = 64
"""Tokens of a prompt that are read at once: some 130 ms, so that a cancelled request is noticed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that is certain now, and why it is the last where it is."""

    text: str
    reason: FinishReason | None


class AnswerWriter:
    """Writes an answer after prompts by their form (see `tieback.methods.decoding`).

    `written` counts tokens; `changed` those that plain decoding, with the same luck, would not have chosen.
    It is None for a strategy that does not read the plain stream.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompts: Mapping[PromptForm, Sequence[int]],
        strategy: DecodingStrategy,
        read: StrategyStreams,
        sampling: SamplingParameters,
        max_tokens: int,
    ) -> None:
        self.written = 0
        self.changed: int | None = 0 if PLAIN in read.places else None
        self._streams = model.open(prompts, layers=read.layers, room=max_tokens)
        self._strategy = strategy
        self._read = read
        self._state: dict[str, Any] = {}
        self._sampler = Sampler(sampling)
        self._text = model.detokenizer()
        self._stop = StopTexts(sampling.stop)
        self._end_tokens = model.end_tokens
        self._max_tokens = max_tokens
        self._last: int | None = None

    def read(self) -> bool:
        """Reads a piece of the prompts; whether all is read."""
        return self._streams.read(READ_TOKENS)

    def next(self) -> Piece:
        """Writes one token. To be called after reading, until a piece has a reason."""
        if self._last is not None:
            self._streams.step(self._last)
        token = self._choose()
        if token in self._end_tokens:
            return self._finish(FinishReason.END)
        self.written += 1
        text = self._stop.add(self._text.add(token))
        if self._stop.reached:
            return Piece(text, FinishReason.STOP)
        if self.written == self._max_tokens:
            rest = self._finish(FinishReason.LENGTH)
            return Piece(text + rest.text, rest.reason)
        self._last = token
        return Piece(text, None)

    def _choose(self) -> int:
        step = Step(self._read.logits(self._streams.logits), self.written, self._state)
        scores = self._strategy(step)
        self._sampler.draw()
        token = self._sampler.choose(scores)
        if self.changed is not None:
            plain = step.logits[PLAIN]
            self.changed += scores is not plain and self._sampler.choose(plain) != token
        return token

    def _finish(self, reason: FinishReason) -> Piece:
        """Gives what the detokenizer and the stop texts held back."""
        text = self._stop.add(self._text.end())
        if self._stop.reached:
            return Piece(text, FinishReason.STOP)
        return Piece(text + self._stop.end(), reason)
