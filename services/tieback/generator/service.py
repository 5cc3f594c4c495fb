"""The generator service: answers that rest on evidence, behind `tieback.ports.GeneratorPort`."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from tieback_contract.answers import AnswerStyle, GenerationEvent, Repair, RewrittenQuestion
from tieback_contract.field_path import at
from tieback_contract.generation import PLAIN_DECODING, Grounding, SamplingParameters
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice, choice_of

from tieback.batching.lane import Lane
from tieback.catalog.card import GeneratorCard
from tieback.core.call import Call
from tieback.core.errors import InvalidInput, NotFound, StartupError, Unsupported
from tieback.core.text.questions import standalone
from tieback.core.types.generation import Conversation, GenerateRequest
from tieback.core.types.load import Load
from tieback.generator.answering import AnswerRun
from tieback.generator.deciding import Deciders
from tieback.generator.evidence.answerability import Judges
from tieback.generator.evidence.quotes import may_quote, or_quotes, style_of
from tieback.generator.evidence.reading import FIRST
from tieback.generator.request import Request, Writing
from tieback.generator.writing import StrategyStreams
from tieback.generator.writing.endpoint import EndpointWriting
from tieback.generator.writing.engine import Engine
from tieback.generator.writing.grammar import check_size
from tieback.generator.writing.local import LocalWriting
from tieback.generator.writing.sampling import check as check_sampling
from tieback.generator.writing.slots import Slots
from tieback.generator.writing.soft_prompt import ConfiguredSoftPrompt, Reading, SoftPrompt
from tieback.grounding import (
    Checkers,
    PassageReader,
    check_evidence,
    check_text,
)
from tieback.grounding.reading_lane import reading_lane
from tieback.methods.decoding import decodings, streams_of
from tieback.models.language.chat_endpoint import EndpointModel
from tieback.models.language.model import LanguageModel
from tieback.ports import EncoderPort

ANSWER_SECONDS = 300.0
ANSWERS = 8
"""Answers that are written at once by default."""

CACHE_BYTES, PREFIX_BYTES = 1 << 29, 1 << 28
"""Of keys and values by default: of answers in progress, and of prompts kept for later ones."""

MOST_CHARACTERS = 16
"""Characters of a prompt by each token of a model's context: no language has so many on average."""

VERBATIM = MethodChoice("verbatim")
"""The default checker of quotes."""

NO_SOFT_PROMPT = (
    "this server has none; the lab has recipes that learn one (TIEBACK_EXTENSIONS=lab), which "
    "TIEBACK_ARTIFACTS names: docs/answers.md"
)

NO_MODEL = "this server has no language model, so it quotes: ask for the style quote, without sampling"


@dataclass(frozen=True, slots=True)
class GeneratorParts:
    """Models, checks and bounds that a generator is made of; see `Generator`."""

    models: Sequence[LanguageModel | EndpointModel]
    encoder: EncoderPort
    space: str
    checkers: Checkers | None = None
    judges: Judges | None = None
    deciders: Deciders | None = None
    slots: int = ANSWERS
    cache_bytes: int = CACHE_BYTES
    prefix_bytes: int = PREFIX_BYTES
    limits: Limits | None = None
    seconds: float = ANSWER_SECONDS
    first_sentences: int = FIRST
    soft_prompts: Sequence[SoftPrompt] = ()
    folder: Path | None = None
    lane: Lane | None = None


class Generator:
    """Writes with the models it is given; the first is the default. Without a model it quotes.

    `encoder` and its text `space` give the vectors by which evidence is ranked, judged by `judges`, and
    claims are checked by `checkers`; `deciders` decide about questions where that is asked for.
    `soft_prompts` are read by the models where they are asked for by their names; what they keep is in the
    `folder` of the store. `slots` answers are written at once, in `cache_bytes` of each model; `prefix_bytes`
    are kept of prompts that were read. `limits.queued_tokens` bounds what waits. An answer ends after
    `seconds` at the latest, waiting included. Of the passages for a quote so many `first_sentences` are
    encoded at first; with 0 all are. Evidence is read on the `lane`, by default one of its own. StartupError
    for two models of one name.
    """

    def __init__(self, parts: GeneratorParts) -> None:
        self._seconds = parts.seconds
        self._first_sentences = parts.first_sentences
        self._models = {model.name: model for model in parts.models}
        if len(self._models) != len(parts.models):
            raise StartupError("each model of a generator needs a name of its own")
        self._default = parts.models[0].name if parts.models else ""
        self._reader = PassageReader(parts.encoder, parts.space)
        self._checkers = parts.checkers or Checkers()
        self._judges = parts.judges or Judges()
        self._deciders = parts.deciders or Deciders()
        self._limits = parts.limits if parts.limits is not None else Limits()
        self._lane = parts.lane or reading_lane(self._limits)
        self._slots = Slots(parts.slots, self._limits.queued_tokens)
        local = {name: one for name, one in self._models.items() if isinstance(one, LanguageModel)}
        reading = Reading(local, self._slots, self._limits, parts.folder)
        self.soft_prompts: Mapping[str, SoftPrompt] = {
            one.name: one.opened(reading) for one in parts.soft_prompts
        }
        self._engines = {
            name: Engine(
                model, answers=parts.slots, cache_bytes=parts.cache_bytes, prefix_bytes=parts.prefix_bytes
            )
            for name, model in local.items()
        }

    @property
    def cards(self) -> list[GeneratorCard]:
        """The cards of the models that are served, by name."""
        return [self._models[name].card for name in sorted(self._models)]

    @property
    def load(self) -> Load:
        """How busy the slots are."""
        return self._slots.admission.load

    async def generate(self, request: GenerateRequest, call: Call) -> AsyncGenerator[GenerationEvent, None]:
        """Streams an answer: text, claims with citations and verdicts, an abstention if need be, a finish.

        Nothing is written where the evidence does not bear on the question, or where
        `grounding.abstain_below` asks for evidence and there is none. An answer too little of which is
        supported is taken back by an abstention after its text. With evidence, the prompt is rewritten by the
        conversation first. Where an endpoint does not answer, and the request names no model, it is quoted
        after a `Degraded`. NotFound for a model or method, with the choices. InvalidInput with the field.
        Unsupported where no model is served, and one is needed. Overloaded where too much waits.
        DeadlineExceeded.
        """
        arrived = time.monotonic()
        asked = request
        if request.evidence:
            question = standalone(request.prompt, request.history)
            asked = replace(request, prompt=question, history=())
        planned = self._read(asked)
        deadline = call.deadline.within(self._seconds)
        deadline.check("the answer was begun")

        def quoted(is_decided: bool) -> AsyncGenerator[GenerationEvent, None]:
            decision = None if is_decided else asked.grounding.decision
            kept = replace(asked.grounding, repair=Repair.NONE, decision=decision)
            plain = SamplingParameters()
            quote = replace(asked, model="", sampling=plain, grounding=kept, style=AnswerStyle.QUOTE)
            return AnswerRun(self._read(quote), arrived, deadline, self._reader, self._lane).events()

        events = AnswerRun(planned, arrived, deadline, self._reader, self._lane).events()
        may = asked.evidence and may_quote(asked.style, asked.model, asked.sampling)
        if planned.writing is not None and may:
            events = or_quotes(events, quoted, planned.writing.name)
        if asked.prompt != request.prompt:
            yield RewrittenQuestion(asked.prompt)
        async with aclosing(events):
            async for event in events:
                yield event

    async def close(self) -> None:
        """Ends the threads."""
        for engine in self._engines.values():
            engine.close()
        for model in self._models.values():
            if isinstance(model, EndpointModel):
                await model.close()

    def _read(self, request: GenerateRequest) -> Request:
        prompt, evidence, sampling, grounding = (
            request.prompt,
            request.evidence,
            request.sampling,
            request.grounding,
        )
        name = request.model or self._default
        served = self._models.get(name)
        if served is None and (name or self._models):
            raise NotFound("model", name, self._models, hint="" if self._models else NO_MODEL)
        if not prompt.strip():
            raise InvalidInput("the prompt is empty; ask something", field="prompt")
        check_text(prompt, self._limits, at("prompt"))
        if served is not None:
            _check_prompt(prompt, served)
        check_evidence(evidence, self._limits)
        check_sampling(sampling, self._limits)
        style = style_of(
            *(request.style, sampling, evidence, grounding), quotes=served.card.quotes if served else None
        )
        writing = None
        if served is not None:
            writing = self._writing(served, sampling, grounding, request.conversation)
        elif style is AnswerStyle.WRITE:
            raise Unsupported(NO_MODEL)
        checked_by = choice_of(grounding.checker) or (VERBATIM if style is AnswerStyle.QUOTE else None)
        checker = self._checkers.configured(checked_by, at("grounding", "checker"))
        threshold = grounding.abstain_below
        if threshold is not None and not 0 <= threshold <= 1:
            raise InvalidInput(
                f"abstain_below is {threshold}; it must be between 0 and 1",
                field=at("grounding", "abstain_below"),
            )
        if grounding.repair is not Repair.NONE:
            _check_repair(sampling, grounding)
        is_read_whole = checker.name != VERBATIM.name or grounding.decision is not None
        is_read_whole |= style is AnswerStyle.WRITE
        judge = choice_of(grounding.answerability)
        if judge is None and grounding.decision:
            judge = self._judges.of_decisions
        return Request(
            *(prompt, evidence, writing if style is AnswerStyle.WRITE else None, grounding, checker, style),
            self._judges.configured(judge, at("grounding", "answerability")),
            self._deciders.configured(choice_of(grounding.decision), at("grounding", "decision")),
            0 if is_read_whole else self._first_sentences,
        )

    def _writing(
        self,
        model: LanguageModel | EndpointModel,
        sampling: SamplingParameters,
        grounding: Grounding,
        conversation: Conversation,
    ) -> Writing:
        if sampling.grammar is not None:
            check_size(sampling.grammar)
        name, parameters = sampling.decoding.name, sampling.decoding.parameters
        field = at("sampling", "strategy")
        if sampling.twin and name == PLAIN_DECODING.name:
            raise InvalidInput(
                "plain decoding has no twin; name another strategy, or leave the twin out",
                field=at("sampling", "twin"),
            )
        strategy = decodings.configure(name, parameters, field=field)
        soft = choice_of(grounding.soft_prompt)
        prompt = None if soft is None else self._soft_prompt(soft, model, sampling)
        card = model.card
        most = sampling.max_tokens or card.answer_tokens
        sampling = replace(sampling, max_tokens=most, stop=(*sampling.stop, *card.stop))
        evidence_tokens = grounding.evidence_tokens or card.evidence_tokens
        if isinstance(model, EndpointModel):
            return EndpointWriting(model, self._slots, sampling, evidence_tokens, conversation)
        read = StrategyStreams.of(streams_of(name, parameters), model.layers, field["parameters"])
        engine = self._engines[model.name]
        how = (sampling, strategy, read, evidence_tokens, prompt, conversation)
        return LocalWriting(model, engine, self._slots, *how)

    def _soft_prompt(
        self, asked: MethodChoice, model: LanguageModel | EndpointModel, sampling: SamplingParameters
    ) -> ConfiguredSoftPrompt:
        field, known = at("grounding", "soft_prompt"), self.soft_prompts
        if asked.name not in known:
            raise NotFound("soft prompt", asked.name, known, hint="" if known else NO_SOFT_PROMPT)
        found = known[asked.name]
        if found.model != model.name or not isinstance(model, LanguageModel):
            raise InvalidInput(
                f"the soft prompt {found.name} was learned for {found.model}, and {model.name} is asked",
                field=field,
            )
        if sampling.decoding.name != PLAIN_DECODING.name:  # it would compare prompts by their text
            raise InvalidInput(
                "a soft prompt goes with plain decoding alone; leave out the strategy, or the soft prompt",
                field=field,
            )
        return found.configure(asked.parameters, field["parameters"])


def _check_prompt(prompt: str, model: LanguageModel | EndpointModel) -> None:
    """Refuses, before anything is done for it, what is far too long; the rest is checked by its tokens."""
    most = MOST_CHARACTERS * model.context_tokens
    if len(prompt) > most:
        raise InvalidInput(
            f"the prompt has {len(prompt)} characters, and {model.name} reads {model.context_tokens} tokens, "
            f"which {most} characters always exceed; ask in fewer words",
            field="prompt",
            reason="PROMPT_TOO_LONG",
        )


def _check_repair(sampling: SamplingParameters, grounding: Grounding) -> None:
    """InvalidInput where claims cannot be repaired."""
    against = {
        "grounding.disabled, by which nothing is checked": grounding.disabled,
        "a grammar, whose form it would break": sampling.grammar is not None,
        "log_probabilities, which are of every token": sampling.log_probabilities is not None,
    }
    for what in (what for what, is_asked in against.items() if is_asked):
        message = f"repair does not go with {what}; leave one of them out"
        raise InvalidInput(message, field=at("grounding", "repair"))
