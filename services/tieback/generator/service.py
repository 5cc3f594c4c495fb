"""The generator service: writes answers that rest on evidence, behind `tieback.ports.GeneratorPort`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from tieback.catalog.card import GeneratorCard
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.field_path import at
from tieback.core.types.generation import (
    AnswerStyle,
    Evidence,
    Finish,
    FinishReason,
    GenerationEvent,
    Grounding,
    SamplingParameters,
    TextDelta,
    TokenScores,
    Verdict,
)
from tieback.core.types.limits import Limits
from tieback.core.types.load import Load
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.report import Timing
from tieback.generator import abstaining
from tieback.generator.engine import Engine
from tieback.generator.evidence import ReadEvidence, read_evidence
from tieback.generator.grammar import check_size
from tieback.generator.jobs import Job, new_job
from tieback.generator.judging import Judge, Judges
from tieback.generator.prompting import EXCERPT_SENTENCES, messages, plain_request
from tieback.generator.quoting import quoted, style_of
from tieback.generator.sampling import check as check_sampling
from tieback.generator.slots import Slots
from tieback.generator.strategy_streams import StrategyStreams
from tieback.generator.writing import AnswerWriter
from tieback.generator.writing_ahead import Written, ahead
from tieback.grounding import (
    Checkers,
    ClaimCheck,
    ConfiguredChecker,
    PassageReader,
    answering,
    as_stated,
    check_evidence,
    check_text,
)
from tieback.methods.decoding import DecodingStrategy, PromptForm, decodings, streams_of
from tieback.models.language_model import LanguageModel
from tieback.ports import DEFAULT_GROUNDING, DEFAULT_SAMPLING, EncoderPort

DEFAULT_TOKENS = 96
ANSWER_SECONDS = 300.0
ANSWERS = 8
"""Answers that are written at once by default."""

CACHE_BYTES, PREFIX_BYTES = 1 << 29, 1 << 28
"""Of keys and values by default: of answers in progress, and of prompts kept for later ones."""

MOST_CHARACTERS = 16
"""Characters of a prompt by each token of a model's context: no language has so many on average."""

VERBATIM = MethodChoice("verbatim")
"""The default checker of quotes."""


class Generator:
    """Writes with the models it is given; the first is the default.

    `encoder` and its text `space` give the vectors by which evidence is ranked, judged by `judges`, and
    claims are checked by `checkers`. `slots` answers are written at once, in `cache_bytes` of each model;
    `prefix_bytes` are kept of prompts that were read. `limits.queued_tokens` bounds what waits. An answer
    ends after `seconds` at the latest, waiting included. StartupError for models without a name of their own.
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        encoder: EncoderPort,
        *,
        space: str,
        checkers: Checkers | None = None,
        judges: Judges | None = None,
        slots: int = ANSWERS,
        cache_bytes: int = CACHE_BYTES,
        prefix_bytes: int = PREFIX_BYTES,
        limits: Limits | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._seconds = seconds
        self._models = {model.name: model for model in models}
        if not models or len(self._models) != len(models):
            raise StartupError("a generator needs models, each with a name of its own")
        self._default = models[0].name
        self._reader = PassageReader(encoder, space)
        self._checkers = checkers or Checkers()
        self._judges = judges or Judges()
        self._limits = limits if limits is not None else Limits()
        self._slots = Slots(slots, self._limits.queued_tokens)
        self._engines = {
            name: Engine(model, answers=slots, cache_bytes=cache_bytes, prefix_bytes=prefix_bytes)
            for name, model in self._models.items()
        }

    @property
    def cards(self) -> list[GeneratorCard]:
        """The cards of the models that are served, by name."""
        return [self._models[name].card for name in sorted(self._models)]

    @property
    def load(self) -> Load:
        """How busy the slots are."""
        return self._slots.admission.load

    async def generate(
        self,
        prompt: str,
        evidence: Sequence[Evidence] = (),
        *,
        model: str = "",
        sampling: SamplingParameters = DEFAULT_SAMPLING,
        grounding: Grounding = DEFAULT_GROUNDING,
        style: AnswerStyle = AnswerStyle.AUTO,
        deadline: Deadline = NO_DEADLINE,
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Streams an answer: text, claims with citations and verdicts, an abstention if need be, a finish.

        Nothing is written where the evidence does not bear on the question, or where
        `grounding.abstain_below` asks for evidence and there is none. An answer too little of which is
        supported is taken back by an abstention after its text. NotFound for a model or method, with the
        choices. InvalidInput with the field. Overloaded where too much waits. DeadlineExceeded.
        """
        arrived = time.monotonic()
        request = self._read(prompt, evidence, model, sampling, grounding, style)
        deadline = deadline.within(self._seconds)
        deadline.check("the answer was begun")
        answer = _Answer(
            request, arrived, deadline, self._reader, self._slots, self._engines[request.model.name]
        )
        async with aclosing(answer.events()) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Ends the threads."""
        for engine in self._engines.values():
            engine.close()

    def _read(
        self,
        prompt: str,
        evidence: Sequence[Evidence],
        model: str,
        sampling: SamplingParameters,
        grounding: Grounding,
        asked: AnswerStyle,
    ) -> _Request:
        name = model or self._default
        if name not in self._models:
            raise NotFound("model", name, self._models)
        if not prompt.strip():
            raise InvalidInput("the prompt is empty; ask something", field="prompt")
        check_text(prompt, self._limits, at("prompt"))
        _check_prompt(prompt, self._models[name])
        check_evidence(evidence, self._limits)
        check_sampling(sampling, self._limits)
        if sampling.grammar is not None:
            check_size(sampling.grammar)
        strategy = decodings.configure(
            sampling.strategy.name, sampling.strategy.parameters, field=at("sampling", "strategy")
        )
        streams = streams_of(sampling.strategy.name, sampling.strategy.parameters)
        layers = self._models[name].layers
        read = StrategyStreams.of(streams, layers, at("sampling", "strategy", "parameters"))
        style = style_of(asked, sampling, evidence, quotes=self._models[name].card.quotes)
        checked_by = grounding.checker or (VERBATIM if style is AnswerStyle.QUOTE else None)
        checker = self._checkers.configured(checked_by, at("grounding", "checker"))
        threshold = grounding.abstain_below
        if threshold is not None and not 0 <= threshold <= 1:
            raise InvalidInput(
                f"abstain_below is {threshold}; it must be between 0 and 1",
                field=at("grounding", "abstain_below"),
            )
        return _Request(
            *(prompt, evidence, self._models[name], sampling, grounding, strategy, read, checker, style),
            self._judges.configured(grounding.answerability, at("grounding", "answerability")),
        )


@dataclass(frozen=True, slots=True)
class _Request:
    prompt: str
    evidence: Sequence[Evidence]
    model: LanguageModel
    sampling: SamplingParameters
    grounding: Grounding
    strategy: DecodingStrategy
    read: StrategyStreams
    checker: ConfiguredChecker
    style: AnswerStyle
    judge: Judge

    @property
    def needs_evidence(self) -> bool:
        """Without evidence nothing can be quoted, and an answer is not grounded, which is refused only where
        a threshold was named.
        """
        is_quote = self.style is AnswerStyle.QUOTE
        return not self.evidence and (is_quote or bool(self.grounding.abstain_below))


class _Answer:
    """One answer on its way."""

    def __init__(
        self,
        request: _Request,
        arrived: float,
        deadline: Deadline,
        reader: PassageReader,
        slots: Slots,
        engine: Engine,
    ) -> None:
        self._engine = engine
        self._request = request
        self._arrived = arrived
        self._deadline = deadline
        self._reader = reader
        self._slots = slots
        self._timing = Timing()
        self._first_token = 0.0
        self._prompt_tokens = 0
        self._job: Job | None = None

    @property
    def _reads_tokens(self) -> bool:
        return self._request.checker.is_learned and not self._request.grounding.disabled

    async def events(self) -> AsyncGenerator[GenerationEvent, None]:
        request = self._request
        evidence = None
        if request.evidence:
            evidence = await read_evidence(
                *(self._reader, request.prompt, request.evidence, request.judge, self._deadline),
                tokens=self._reads_tokens,
            )
        judgement = None if evidence is None else evidence.judgement
        abstention = abstaining.before(judgement, request.grounding, is_needed=request.needs_evidence)
        if abstention is not None:
            self._timing.prepare = self._elapsed()
            yield abstention
            yield self._finish(FinishReason.ABSTAINED)
            return
        passages = evidence.passages if evidence and not request.grounding.disabled else ()
        check = ClaimCheck(request.evidence, passages, request.checker)
        if evidence is not None and request.style is AnswerStyle.QUOTE:
            self._timing.prepare = self._first_token = self._elapsed()
            async for event in quoted(request.prompt, evidence, check):
                yield event
            yield self._finish(FinishReason.END)
            return
        verdicts: list[Verdict] = []
        prompts, room = await asyncio.to_thread(self._prompts, evidence)
        self._prompt_tokens = sum(map(len, prompts.values()))
        self._timing.prepare = self._elapsed()
        reason = FinishReason.END
        async with aclosing(ahead(self._written(prompts, room))) as pieces:
            async for piece in pieces:
                if piece.scores is not None:
                    yield TokenScores([piece.scores])
                if piece.text:
                    yield TextDelta(piece.text)
                for claim in piece.claims:
                    yield claim
                    statement = None
                    if check.takes(claim):
                        [statement] = await self._reader.statements(
                            [as_stated(claim.text)], self._deadline, tokens=self._reads_tokens
                        )
                    for event in answering(request.prompt, claim, await check.check(claim, statement)):
                        verdicts += [event] if isinstance(event, Verdict) else []
                        yield event
                reason = piece.reason or reason
        abstention = abstaining.after(verdicts, check.supported_share, request.grounding)
        if abstention is not None:
            yield abstention
            reason = FinishReason.ABSTAINED
        yield self._finish(reason)

    async def _written(
        self, prompts: dict[PromptForm, list[int]], room: int
    ) -> AsyncGenerator[Written, None]:
        """Writes the answer in a slot, whether or not its reader keeps up."""
        async with self._slots.take(self._prompt_tokens + room, self._deadline) as slot:
            job = self._job = await asyncio.to_thread(self._new_job, prompts, room)
            try:
                async with aclosing(self._engine.write(job)) as pieces:
                    async for written in pieces:
                        if written.text and not self._first_token:
                            self._first_token = self._elapsed()
                        yield written
            finally:
                slot.busy = self._timing.compute = job.busy
                self._timing.queue = slot.waited + job.waited

    def _new_job(self, prompts: dict[PromptForm, list[int]], room: int) -> Job:
        request = self._request
        drafts, layers = request.sampling.prompt_lookup is not False, request.read.layers
        writer = AnswerWriter(request.model, prompts, request.strategy, request.read, request.sampling, room)
        return new_job(writer, prompts, layers, room=room, deadline=self._deadline, drafts=drafts)

    def _prompts(self, evidence: ReadEvidence | None) -> tuple[dict[PromptForm, list[int]], int]:
        """The prompts' tokens, and how many may be written. Sentences give way before the question does."""
        request = self._request
        model = request.model
        wanted = request.sampling.max_tokens or DEFAULT_TOKENS
        if wanted >= model.context_tokens:
            raise InvalidInput(
                f"max_tokens is {wanted} and prompt and answer together have {model.context_tokens} tokens",
                field=at("sampling", "max_tokens"),
            )
        for sentences in range(EXCERPT_SENTENCES, 0, -1):
            excerpt = evidence.excerpt(sentences) if evidence is not None else []
            asked = plain_request(request.prompt, excerpt, system=model.system_prompt)
            prompts = {form: model.prompt(messages(form(asked))) for form in request.read.forms}
            longest = max(map(len, prompts.values()))
            if longest + wanted <= model.context_tokens:
                self._engine.check(sum(map(len, prompts.values())) + len(prompts) * wanted)
                return prompts, wanted
        raise InvalidInput(
            f"the prompt has {longest} tokens; with {wanted} for the answer that is more than the "
            f"{model.context_tokens} that {model.name} reads; ask in fewer words or lower max_tokens",
            field="prompt",
            reason="PROMPT_TOO_LONG",
        )

    def _finish(self, reason: FinishReason) -> Finish:
        self._timing.total = self._elapsed()
        job = self._job
        lookup = job.lookup if job else None
        return Finish(
            reason=reason,
            model=self._request.model.name if self._request.style is AnswerStyle.WRITE else "",
            prompt_tokens=self._prompt_tokens,
            completion_tokens=job.writer.written if job else 0,
            changed_tokens=job.writer.changed if job else 0,
            timing=self._timing,
            first_token=self._first_token,
            style=self._request.style,
            drafted_tokens=lookup.drafted if lookup else 0,
            accepted_tokens=lookup.accepted if lookup else 0,
            reused_tokens=job.reused if job else 0,
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._arrived


def _check_prompt(prompt: str, model: LanguageModel) -> None:
    """Refuses, before anything is done for it, what is far too long; the rest is checked by its tokens."""
    most = MOST_CHARACTERS * model.context_tokens
    if len(prompt) > most:
        raise InvalidInput(
            f"the prompt has {len(prompt)} characters, and {model.name} reads {model.context_tokens} tokens, "
            f"which {most} characters always exceed; ask in fewer words",
            field="prompt",
            reason="PROMPT_TOO_LONG",
        )
