"""Writes answers by an endpoint: what it cannot do is refused by name, what it sends is read as our own."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from tieback_contract.answers import FinishReason, ScoredToken, TokenScore, Twin
from tieback_contract.field_path import at
from tieback_contract.generation import PLAIN_DECODING, GrammarKind, SamplingParameters

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Unavailable
from tieback.core.types.generation import NO_CONVERSATION, Conversation
from tieback.generator.request import Counts, Excerpt, Vectors
from tieback.generator.writing import LEAST, StopTexts
from tieback.generator.writing.packing import packed
from tieback.generator.writing.prompting import asked_of, messages, shortened
from tieback.generator.writing.slots import Slots, Written
from tieback.grounding import ClaimFinder
from tieback.models.language.chat_endpoint import EndpointModel, EndpointPiece, EndpointToken
from tieback.models.language.chat_template import Message

CHARACTERS_OF_A_TOKEN = 4
"""About, for what waits: the endpoint has the tokenizer."""

LONGEST_TOKEN = 128
"""Characters; of tokens that no tokenizer makes longer."""

FINISHES = {"length": FinishReason.LENGTH}


@dataclass(frozen=True, slots=True)
class EndpointWriting:
    """An endpoint, how tokens are chosen, and how many of the evidence it reads. InvalidInput for what it
    cannot do.
    """

    model: EndpointModel
    slots: Slots
    sampling: SamplingParameters
    evidence_tokens: int = 0
    conversation: Conversation = NO_CONVERSATION

    def __post_init__(self) -> None:
        sampling, options, name = self.sampling, self.model.options, self.model.name
        strategy = sampling.decoding.name
        if strategy != PLAIN_DECODING.name:
            raise InvalidInput(
                f"{strategy} needs the model's logits, and {name} is an endpoint, which has none; take plain",
                field=at("sampling", "strategy"),
            )
        if sampling.grammar is not None and sampling.grammar.kind is not GrammarKind.JSON_SCHEMA:
            raise InvalidInput(
                f"{name} is an endpoint, which takes no grammar but a JSON Schema",
                field=at("sampling", "grammar", sampling.grammar.kind.value),
            )
        if (sampling.log_probabilities or 0) > options.log_probabilities:
            raise InvalidInput(
                f"{sampling.log_probabilities} alternatives are asked for, and the endpoint of {name} gives "
                f"{options.log_probabilities} at most",
                field=at("sampling", "log_probabilities"),
            )
        if options.dialect == "openai":
            for field in ("top_k", "min_p", "repetition_penalty"):
                if getattr(sampling, field):
                    raise InvalidInput(
                        f"{name} is an endpoint without {field}; leave it out", field=at("sampling", field)
                    )

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    def begin(self, question: str, deadline: Deadline) -> EndpointWork:
        """The writing of an answer to a question."""
        return EndpointWork(self, question, deadline)


class EndpointWork:
    """What the endpoint writes for one request, in as many calls as are asked for."""

    def __init__(self, writing: EndpointWriting, question: str, deadline: Deadline) -> None:
        self._writing = writing
        self._question = question
        self._deadline = deadline
        self._room = writing.sampling.max_tokens
        self._counts = Counts()

    async def prepare(self, excerpt: Excerpt, _vectors: Vectors | None = None) -> list[Message]:
        """The conversation that asks it."""
        of = self._writing
        sentences = packed(excerpt, lambda text: len(text) // CHARACTERS_OF_A_TOKEN, of.evidence_tokens)
        asked = asked_of(of.model.card, of.conversation, self._question, excerpt(sentences))
        room = CHARACTERS_OF_A_TOKEN * (of.model.context_tokens - self._room)
        for history in shortened(of.conversation.history):
            found = messages(asked, history)
            if sum(len(one.content) for one in found) <= room:
                break
        return found

    def twin(self, prompt: list[Message]) -> Coroutine[None, None, Twin] | None:  # noqa: ARG002 - see Work
        """None: there is no strategy but plain."""
        return None

    @property
    def counts(self) -> Counts:
        """Of all calls so far, by what the endpoint says; tokens it does not count are counted by pieces."""
        return self._counts

    async def written(self, prompt: list[Message]) -> AsyncGenerator[Written, None]:
        """Asks in a slot. Unavailable where the endpoint is away or breaks off."""
        size = sum(len(one.content) for one in prompt) // CHARACTERS_OF_A_TOKEN + self._room
        async with self._writing.slots.take(size, self._deadline) as slot:
            pieces = self._writing.model.stream(self._body(prompt), self._deadline)
            answer = _Reading(self._writing.sampling.stop, self._room)
            async with aclosing(pieces) as stream:
                async for piece in stream:
                    for one in answer.add(piece):
                        yield one
                    if answer.is_over:
                        break
            self._counts = Counts(
                prompt=self._counts.prompt + answer.prompt_tokens,
                completion=self._counts.completion + answer.completion_tokens,
                queued=self._counts.queued + slot.waited,
            )
            if not answer.is_over:
                for one in answer.end():
                    yield one

    def _body(self, prompt: Sequence[Message]) -> dict[str, Any]:
        sampling, options = self._writing.sampling, self._writing.model.options
        body: dict[str, Any] = {
            "model": options.model,
            "messages": [{"role": one.role, "content": one.content} for one in prompt],
            "max_tokens": self._room,
            "temperature": sampling.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if sampling.top_p:
            body["top_p"] = sampling.top_p
        if sampling.seed is not None:
            body["seed"] = sampling.seed % (1 << 63)
        if sampling.log_probabilities is not None:
            body |= {"logprobs": True, "top_logprobs": sampling.log_probabilities}
        for field in ("top_k", "min_p", "repetition_penalty"):
            if getattr(sampling, field):
                body[field] = getattr(sampling, field)
        if self._writing.model.card.chat_template:
            body["chat_template"] = self._writing.model.card.chat_template
        if sampling.grammar is not None:
            schema = {"name": "answer", "strict": True, "schema": _schema(sampling.grammar.text)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


class _Reading:
    """An answer as it comes from an endpoint: bounded, and ended at a stop text as ours are."""

    def __init__(self, stop: Sequence[str], room: int) -> None:
        self._claims = ClaimFinder()
        self._stop = StopTexts(stop)
        self._left = room * LONGEST_TOKEN
        self._reason = FinishReason.END
        self.is_over = False
        self.prompt_tokens = 0
        self.completion_tokens = 0

    def add(self, piece: EndpointPiece) -> list[Written]:
        """What is certain now."""
        self.prompt_tokens = piece.prompt_tokens or self.prompt_tokens
        self.completion_tokens = piece.completion_tokens or self.completion_tokens + bool(piece.text)
        self._reason = FINISHES.get(piece.finish, self._reason)
        self._left -= len(piece.text)
        if self._left < 0:
            raise Unavailable("the endpoint writes more than it was asked for; what was sent is not complete")
        text = self._stop.add(piece.text)
        scored = [Written("", [], None, _scored(token)) for token in piece.tokens]
        if self._stop.reached:
            self.is_over, self._reason = True, FinishReason.STOP
            return [*scored, *self._last(text)]
        return [*scored, Written(text, self._claims.add(text), None, pending=self._claims.pending)]

    def end(self) -> list[Written]:
        """What was held back."""
        return self._last(self._stop.end())

    def _last(self, text: str) -> list[Written]:
        return [Written(text, [*self._claims.add(text), *self._claims.end()], self._reason)]


def _scored(token: EndpointToken) -> ScoredToken:
    """An endpoint tells no numbers of tokens, so they are 0."""
    chosen = TokenScore(0, token.text, _bounded(token.log_probability))
    return ScoredToken(chosen, [TokenScore(0, text, _bounded(value)) for text, value in token.alternatives])


def _bounded(value: float) -> float:
    return max(value, LEAST) if math.isfinite(value) else LEAST


def _schema(text: str) -> Any:
    field = at("sampling", "grammar", "json_schema")
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"the schema is no JSON: {error}", field=field) from None
    if not isinstance(schema, dict):
        raise InvalidInput("the schema is no JSON object", field=field)
    return schema
