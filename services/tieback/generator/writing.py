"""One answer being written, token by token, from the model's scores. Synchronous: the engine runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback_contract.answers import FinishReason, ScoredToken
from tieback_contract.arrays import Array
from tieback_contract.generation import SamplingParameters

from tieback.core.errors import TiebackError
from tieback.generator.grammar import GrammarMatcher, within
from tieback.generator.repetition import RepetitionPenalty
from tieback.generator.sampling import Sampler
from tieback.generator.stopping import StopTexts
from tieback.generator.strategy_streams import StrategyStreams
from tieback.generator.token_scores import scored
from tieback.methods.decoding import PLAIN, DecodingStrategy, PromptForm, Step, with_evidence
from tieback.models.language_model import LanguageModel


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that is certain now, and why it is the last where it is; the token's scores where asked for."""

    text: str
    reason: FinishReason | None
    scores: ScoredToken | None = None


class AnswerWriter:
    """Writes an answer after prompts by their form (see `tieback.methods.decoding`).

    `last` is the token that the model goes on from, None before the first. `written` counts tokens; `changed`
    those that plain decoding, with the same luck, would not have chosen. It is None for a strategy that does
    not read the plain stream.
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
        self._strategy = strategy
        self._read = read
        self._state: dict[str, Any] = {}
        self._sampler = Sampler(sampling)
        written_after = prompts.get(with_evidence, ())
        self._penalty = RepetitionPenalty(sampling.repetition_penalty, written_after)
        self._grammar = None if sampling.grammar is None else GrammarMatcher(sampling.grammar, model)
        self._alternatives = sampling.log_probabilities
        self._text_of = model.text_of
        self._text = model.detokenizer()
        self._stop = StopTexts(sampling.stop)
        self._end_tokens = model.end_tokens
        self._max_tokens = max_tokens
        self.last: int | None = None

    def take(self, logits: Mapping[PromptForm, Array]) -> Piece:
        """Writes one token by the model's logits `[layers, vocabulary]` after what was written so far.

        To be called until a piece has a reason. TiebackError where the scores are no numbers.
        """
        token, scores = self._choose(logits)
        if token in self._end_tokens:
            return self._finish(FinishReason.END)
        self.written += 1
        self._penalty.add(token)
        if self._grammar is not None:
            self._grammar.add(token)
        text = self._stop.add(self._text.add(token))
        if self._stop.reached:
            return Piece(text, FinishReason.STOP, scores)
        if self.written == self._max_tokens:
            rest = self._finish(FinishReason.LENGTH)
            return Piece(text + rest.text, rest.reason, scores)
        self.last = token
        return Piece(text, None, scores)

    def _choose(self, logits: Mapping[PromptForm, Array]) -> tuple[int, ScoredToken | None]:
        step = Step(self._read.logits(logits), self.written, self._state)
        scores = self._strategy(step)
        if not np.isfinite(scores.max()):
            raise TiebackError("the model's scores are no numbers, so its weights are damaged; pull it again")
        self._sampler.draw()
        allowed = None if self._grammar is None else self._grammar.allowed()

        def choice(of: Array) -> int:
            penalised = self._penalty.apply(of)
            return self._sampler.choose(penalised if allowed is None else within(penalised, allowed))

        token = choice(scores)
        if self.changed is not None:
            plain = step.logits[PLAIN]
            self.changed += scores is not plain and choice(plain) != token
        if self._alternatives is None:
            return token, None
        return token, scored(token, scores, self._alternatives, self._text_of)

    def _finish(self, reason: FinishReason) -> Piece:
        """Gives what the detokenizer and the stop texts held back."""
        text = self._stop.add(self._text.end())
        if self._stop.reached:
            return Piece(text, FinishReason.STOP)
        return Piece(text + self._stop.end(), reason)
