"""One answer being written, token by token, from the model's scores. Synchronous: the engine runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback_contract.answers import FinishReason, ScoredToken, TokenScore
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath
from tieback_contract.generation import SamplingParameters

from tieback.core.errors import InvalidInput, NotFound, TiebackError
from tieback.generator.writing.grammar import GrammarMatcher, within
from tieback.generator.writing.sampling import RepetitionPenalty, Sampler
from tieback.methods.decoding import (
    MAIN_MODEL,
    PLAIN,
    DecodingStrategy,
    PromptForm,
    Step,
    Stream,
    log_probabilities,
    with_evidence,
)
from tieback.models.language.model import LanguageModel

LEAST = -1000.0
"""The log-probability of an excluded token; minus infinity is no number of JSON."""


@dataclass(frozen=True, slots=True)
class StrategyStreams:
    """The streams of one request.

    Streams of one prompt form are read from one row of the decoder; `layers` are read in all rows, and hold
    no number where the last alone is read.
    """

    forms: Sequence[PromptForm]
    layers: Sequence[int]
    places: Mapping[Stream, tuple[PromptForm, int]]

    @classmethod
    def of(cls, streams: Sequence[Stream], layers: int, field: FieldPath) -> StrategyStreams:
        """Where to read the streams in a model of so many layers.

        InvalidInput, at `field`, where the model has no such layer. NotFound for a role that no model has.
        """
        roles = {stream.model for stream in streams} - {MAIN_MODEL}
        if roles:
            raise NotFound("model role", min(roles), [MAIN_MODEL])
        try:
            exits = {stream: stream.exit_of(layers) for stream in streams}
        except InvalidInput as error:
            raise error.within(field) from None
        read = sorted(set(exits.values()))
        return cls(
            forms=list(dict.fromkeys(stream.prompt for stream in streams)),
            layers=() if read == [layers] else read,
            places={stream: (stream.prompt, read.index(exit)) for stream, exit in exits.items()},
        )

    def shared(
        self, prompts: Mapping[PromptForm, list[int]]
    ) -> tuple[StrategyStreams, dict[PromptForm, list[int]]]:
        """The same streams, with forms that make the same prompt read from one row; and the prompts left.

        Without evidence, for instance, a prompt with evidence and one without are the same.
        """
        first = {tuple(prompts[form]): form for form in reversed(self.forms)}
        row_of = {form: first[tuple(prompts[form])] for form in self.forms}
        places = {stream: (row_of[form], place) for stream, (form, place) in self.places.items()}
        forms = [form for form in self.forms if row_of[form] is form]
        return StrategyStreams(forms, self.layers, places), {form: prompts[form] for form in forms}

    def logits(self, rows: Mapping[PromptForm, Array]) -> dict[Stream, Array]:
        """The logits `[vocabulary]` by stream, of those `[layers, vocabulary]` by prompt form."""
        return {stream: rows[form][place] for stream, (form, place) in self.places.items()}


class StopTexts:
    """Lets text through, except what may yet become a stop text. `reached` once one is there.

    Each character costs the same for each stop text, whatever both say (Knuth, Morris, Pratt, 1977). Of stop
    texts that end at the same character the longest counts.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.reached = False
        self._stops = [_StopText(text) for text in texts]
        self._held = ""

    def add(self, text: str) -> str:
        """The text that is certain to stand before any stop text."""
        held = self._held + text
        for number, character in enumerate(text, start=len(self._held) + 1):
            ended = [len(stop.text) for stop in self._stops if stop.ends_with(character)]
            if ended:
                self.reached = True
                self._held = held[number - max(ended) :]
                return held[: number - max(ended)]
        begun = max((stop.matched for stop in self._stops), default=0)
        certain = len(held) - begun
        self._held = held[certain:]
        return held[:certain]

    def end(self) -> str:
        """What was held back and did not become a stop text."""
        rest, self._held = self._held, ""
        return "" if self.reached else rest


class _StopText:
    """How much of one stop text the text so far ends with."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.matched = 0
        self._shorter = [0] * (
            len(text) + 1
        )  # by matched characters: the next shorter beginning they end with
        for length in range(1, len(text)):
            self._shorter[length + 1] = self._extended(self._shorter[length], text[length])

    def ends_with(self, character: str) -> bool:
        """Takes the next character; whether the stop text is whole."""
        if self.matched == len(self.text):
            self.matched = self._shorter[self.matched]
        self.matched = self._extended(self.matched, character)
        return self.matched == len(self.text)

    def _extended(self, matched: int, character: str) -> int:
        while matched and self.text[matched] != character:
            matched = self._shorter[matched]
        return matched + (self.text[matched] == character)


def scored(token: int, scores: Array, most: int, text_of: Callable[[int], str]) -> ScoredToken:
    """The token by its scores `[vocabulary]`, with the `most` likeliest ones, best first."""
    found = np.maximum(log_probabilities(scores.astype(np.float64)), LEAST)
    best = np.argsort(-found, kind="stable")[:most] if most else ()

    def one(number: int) -> TokenScore:
        return TokenScore(number, text_of(number), float(found[number]))

    return ScoredToken(one(token), [one(int(number)) for number in best])


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
