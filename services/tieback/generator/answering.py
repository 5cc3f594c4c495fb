"""One answer on its way: what was asked, and the events that come of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput
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
    Twin,
    Verdict,
)
from tieback.core.types.report import Timing
from tieback.generator import abstaining
from tieback.generator.engine import Engine
from tieback.generator.evidence import ReadEvidence, read_evidence
from tieback.generator.jobs import Job, new_job
from tieback.generator.judging import Judge
from tieback.generator.prompting import EXCERPT_SENTENCES, messages, plain_request
from tieback.generator.quoting import quoted
from tieback.generator.slots import Slots
from tieback.generator.strategy_streams import StrategyStreams
from tieback.generator.twin import beside, plain_twin
from tieback.generator.writing import AnswerWriter
from tieback.generator.writing_ahead import Written, ahead
from tieback.grounding import ClaimCheck, ConfiguredChecker, PassageReader, answering, as_stated
from tieback.methods.decoding import DecodingStrategy, EvidenceTransform, PromptForm, with_evidence
from tieback.models.language_model import LanguageModel

DEFAULT_TOKENS = 96


@dataclass(frozen=True, slots=True)
class Writing:
    """What writes an answer, and how."""

    model: LanguageModel
    engine: Engine
    sampling: SamplingParameters
    strategy: DecodingStrategy
    read: StrategyStreams


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts' tokens, where the strategy's streams are in them, and how many tokens may follow.

    `plain` is the prompt of plain decoding where a twin is asked for; `transforms` are what was drawn.
    """

    tokens: dict[PromptForm, list[int]]
    read: StrategyStreams
    room: int
    plain: list[int]
    transforms: list[str]

    @property
    def length(self) -> int:
        """Tokens of all prompts."""
        return sum(map(len, self.tokens.values()))


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, checked and configured; a quote has no `writing`."""

    prompt: str
    evidence: Sequence[Evidence]
    writing: Writing | None
    grounding: Grounding
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


class Answer:
    """One answer on its way."""

    def __init__(
        self,
        request: Request,
        arrived: float,
        deadline: Deadline,
        reader: PassageReader,
        slots: Slots,
    ) -> None:
        self._request = request
        self._arrived = arrived
        self._deadline = deadline
        self._reader = reader
        self._slots = slots
        self._timing = Timing()
        self._first_token = 0.0
        self._prompts: Prompts | None = None
        self._twin: Twin | None = None
        self._job: Job | None = None

    @property
    def _reads_tokens(self) -> bool:
        return self._request.checker.is_learned and not self._request.grounding.disabled

    async def events(self) -> AsyncGenerator[GenerationEvent, None]:
        """What it consists of, as it comes."""
        request, writing = self._request, self._request.writing
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
        if writing is None:
            self._timing.prepare = self._first_token = self._elapsed()
            if evidence is not None:  # without any it was abstained
                async for event in quoted(request.prompt, evidence, check):
                    yield event
            yield self._finish(FinishReason.END)
            return
        verdicts: list[Verdict] = []
        prompts = self._prompts = await asyncio.to_thread(self._prompts_of, writing, evidence)
        self._timing.prepare = self._elapsed()
        reason = FinishReason.END
        async with (
            beside(self._twin_of(writing, prompts)) as twin,
            aclosing(ahead(self._written(writing, prompts))) as pieces,
        ):
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
            self._twin = None if twin is None else await twin
        abstention = abstaining.after(verdicts, check.supported_share, request.grounding)
        if abstention is not None:
            yield abstention
            reason = FinishReason.ABSTAINED
        yield self._finish(reason)

    def _twin_of(self, writing: Writing, prompts: Prompts) -> Coroutine[None, None, Twin] | None:
        if not writing.sampling.twin:
            return None
        return plain_twin(
            *(writing.engine, self._slots, writing.model, prompts.plain),
            *(writing.sampling, prompts.room, self._deadline),
        )

    async def _written(self, writing: Writing, prompts: Prompts) -> AsyncGenerator[Written, None]:
        """Writes the answer in a slot, whether or not its reader keeps up."""
        async with self._slots.take(prompts.length + prompts.room, self._deadline) as slot:
            job = self._job = await asyncio.to_thread(self._new_job, writing, prompts)
            try:
                async with aclosing(writing.engine.write(job)) as pieces:
                    async for written in pieces:
                        if written.text and not self._first_token:
                            self._first_token = self._elapsed()
                        yield written
            finally:
                slot.busy = self._timing.compute = job.busy
                self._timing.queue = slot.waited + job.waited

    def _new_job(self, writing: Writing, prompts: Prompts) -> Job:
        sampling, read, room = writing.sampling, prompts.read, prompts.room
        writer = AnswerWriter(writing.model, prompts.tokens, writing.strategy, read, sampling, room)
        drafts = sampling.prompt_lookup is not False
        return new_job(writer, prompts.tokens, read.layers, room=room, deadline=self._deadline, drafts=drafts)

    def _prompts_of(self, writing: Writing, evidence: ReadEvidence | None) -> Prompts:
        """The prompts' tokens. Sentences give way before the question does."""
        model, sampling = writing.model, writing.sampling
        forms = dict.fromkeys([*writing.read.forms, *([with_evidence] if sampling.twin else [])])
        wanted = writing.sampling.max_tokens or DEFAULT_TOKENS
        if wanted >= model.context_tokens:
            raise InvalidInput(
                f"max_tokens is {wanted} and prompt and answer together have {model.context_tokens} tokens",
                field=at("sampling", "max_tokens"),
            )
        for sentences in range(EXCERPT_SENTENCES, 0, -1):
            excerpt = evidence.excerpt(sentences) if evidence is not None else []
            asked = plain_request(
                self._request.prompt, excerpt, system=model.system_prompt, seed=sampling.seed or 0
            )
            tokens = {form: model.prompt(messages(form(asked))) for form in forms}
            longest = max(map(len, tokens.values()))
            if longest + wanted <= model.context_tokens:
                drawn = [form.drawn(asked) for form in forms if isinstance(form, EvidenceTransform)]
                plain = tokens.get(with_evidence, [])
                read, tokens = writing.read.shared(tokens)
                prompts = Prompts(tokens, read, wanted, plain, drawn)
                writing.engine.check(prompts.length + len(tokens) * wanted)
                return prompts
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
            model=self._request.writing.model.name if self._request.writing else "",
            prompt_tokens=self._prompts.length if self._prompts else 0,
            completion_tokens=job.writer.written if job else 0,
            changed_tokens=job.writer.changed if job else 0,
            timing=self._timing,
            first_token=self._first_token,
            style=self._request.style,
            drafted_tokens=lookup.drafted if lookup else 0,
            accepted_tokens=lookup.accepted if lookup else 0,
            reused_tokens=job.reused if job else 0,
            evidence_transforms=self._prompts.transforms if self._prompts else (),
            twin=self._twin,
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._arrived
