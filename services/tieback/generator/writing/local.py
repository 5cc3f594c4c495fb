"""Writes answers with a model of this process: prompts that fit, a slot, and the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from tieback_contract.answers import Twin
from tieback_contract.field_path import at
from tieback_contract.generation import ChatMessage, SamplingParameters

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput
from tieback.core.types.generation import NO_CONVERSATION, Conversation
from tieback.generator.request import Counts, Excerpt, Vectors
from tieback.generator.writing import AnswerWriter, StrategyStreams
from tieback.generator.writing.engine import Engine
from tieback.generator.writing.jobs import Job, new_job
from tieback.generator.writing.packing import MOST_SENTENCES, packed
from tieback.generator.writing.prompting import (
    EXCERPT_SENTENCES,
    asked_of,
    messages,
    quoted,
    shortened,
)
from tieback.generator.writing.slots import Slots, Written
from tieback.generator.writing.soft_prompt import ConfiguredSoftPrompt
from tieback.generator.writing.twin import plain_twin
from tieback.methods.decoding import DecodingStrategy, EvidenceTransform, PromptForm, with_evidence
from tieback.models.language.decoder import SoftTokens
from tieback.models.language.model import LanguageModel


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts' tokens, where the strategy's streams are in them, and how many tokens may follow.

    `plain` is the prompt of plain decoding, where it is needed; `transforms` what was drawn for the evidence;
    `soft` are soft tokens in the only prompt.
    """

    tokens: Mapping[PromptForm, list[int]]
    read: StrategyStreams
    room: int
    plain: list[int]
    transforms: Sequence[str] = ()
    soft: SoftTokens | None = None

    @property
    def length(self) -> int:
        """Tokens of all prompts."""
        return sum(map(len, self.tokens.values()))


@dataclass(frozen=True, slots=True)
class LocalWriting:
    """A model with its engine, and how tokens are chosen.

    `evidence_tokens` is the budget of the evidence, 0 for none; `soft` is what is read before the question.
    """

    model: LanguageModel
    engine: Engine
    slots: Slots
    sampling: SamplingParameters
    strategy: DecodingStrategy
    read: StrategyStreams
    evidence_tokens: int = 0
    soft: ConfiguredSoftPrompt | None = None
    conversation: Conversation = NO_CONVERSATION

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    def begin(self, question: str, deadline: Deadline) -> LocalWork:
        """The writing of an answer to a question."""
        return LocalWork(self, question, deadline)


class LocalWork:
    """What the model writes for one request, in as many runs as are asked for."""

    def __init__(self, writing: LocalWriting, question: str, deadline: Deadline) -> None:
        self._writing = writing
        self._question = question
        self._deadline = deadline
        self._jobs: list[Job] = []
        self._prompts: list[Prompts] = []
        self._queued = 0.0

    async def prepare(self, excerpt: Excerpt, vectors: Vectors | None = None, /) -> Prompts:
        """The prompts' tokens. Sentences of the excerpt give way before the question does.

        A soft prompt may read `vectors` in place of the sentences; without these, as for a claim that is
        written again, they are text. InvalidInput where the question alone is too long.
        """
        soft = self._writing.soft
        if soft is None or (soft.reads_evidence and vectors is None):
            prompts = await asyncio.to_thread(self._prompts_of, excerpt)
        else:
            prompts = await asyncio.to_thread(self._soft_prompt, soft, excerpt, vectors)
        self._prompts.append(prompts)
        return prompts

    async def written(self, prompt: Prompts) -> AsyncGenerator[Written, None]:
        """Writes in a slot."""
        async with self._writing.slots.take(prompt.length + prompt.room, self._deadline) as slot:
            job = await asyncio.to_thread(self._new_job, prompt)
            self._jobs.append(job)
            try:
                async with aclosing(self._writing.engine.write(job)) as pieces:
                    async for written in pieces:
                        yield written
            finally:
                slot.busy = job.busy
                self._queued += slot.waited + job.waited

    def twin(self, prompt: Prompts) -> Coroutine[None, None, Twin] | None:
        """The answer without the strategy, where it was asked for."""
        of = self._writing
        if not of.sampling.twin:
            return None
        return plain_twin(
            *(of.engine, of.slots, of.model, prompt.plain, of.sampling, prompt.room, self._deadline)
        )

    @property
    def counts(self) -> Counts:
        """Of all runs so far."""
        jobs, changed = self._jobs, [job.writer.changed for job in self._jobs]
        lookups = [job.lookup for job in jobs if job.lookup is not None]
        return Counts(
            prompt=sum(one.length for one in self._prompts),
            completion=sum(job.writer.written for job in jobs),
            changed=None if None in changed else sum(one or 0 for one in changed),
            drafted=sum(one.drafted for one in lookups),
            accepted=sum(one.accepted for one in lookups),
            reused=sum(job.reused for job in jobs),
            queued=self._queued,
            computed=sum(job.busy for job in jobs),
            transforms=self._prompts[0].transforms if self._prompts else (),
            soft=sum(len(one.soft.places) for one in self._prompts if one.soft is not None),
        )

    def _new_job(self, prompts: Prompts) -> Job:
        of, read, room = self._writing, prompts.read, prompts.room
        writer = AnswerWriter(of.model, prompts.tokens, of.strategy, read, of.sampling, room)
        drafts = of.sampling.prompt_lookup is not False
        return new_job(
            *(writer, prompts.tokens, read.layers),
            room=room, deadline=self._deadline, drafts=drafts, soft=prompts.soft,
        )  # fmt: skip

    @property
    def _wanted(self) -> int:
        """Tokens of the answer. InvalidInput where they leave no room for a prompt."""
        wanted, most = self._writing.sampling.max_tokens, self._writing.model.context_tokens
        if wanted >= most:
            raise InvalidInput(
                f"max_tokens is {wanted} and prompt and answer together have {most} tokens",
                field=at("sampling", "max_tokens"),
            )
        return wanted

    def _soft_prompt(self, soft: ConfiguredSoftPrompt, excerpt: Excerpt, vectors: Vectors | None) -> Prompts:
        """The one prompt of plain decoding, with soft tokens before its last message."""
        of, model, wanted = self._writing, self._writing.model, self._wanted
        if soft.reads_evidence and vectors is not None:
            most = 0
            rows = soft.rows(vectors(min(of.evidence_tokens or EXCERPT_SENTENCES, MOST_SENTENCES)))
        else:
            most, rows = self._most(excerpt), soft.rows(None)
        for sentences in range(most, -1, -1):
            said = soft.messages(self._question, excerpt(sentences) if sentences else ())
            tokens, places = model.prompt_with_places(said, len(rows))
            if len(tokens) + wanted <= model.context_tokens:
                of.engine.check(len(tokens) + wanted)
                made = SoftTokens(places, rows)
                return Prompts({with_evidence: tokens}, of.read, wanted, tokens, soft=made)
        raise self._too_long(len(tokens), wanted)

    def _most(self, excerpt: Excerpt) -> int:
        """Sentences of the excerpt within the budget of the evidence."""
        of = self._writing
        return packed(excerpt, lambda text: len(of.model.tokens(quoted(text))), of.evidence_tokens)

    def _prompts_of(self, excerpt: Excerpt) -> Prompts:
        of, model, sampling = self._writing, self._writing.model, self._writing.sampling
        forms = dict.fromkeys([*of.read.forms, *([with_evidence] if sampling.twin else [])])
        wanted = self._wanted
        for sentences, history in self._shorter_and_shorter(excerpt):
            asked = asked_of(model.card, of.conversation, self._question, sentences, sampling.seed or 0)
            tokens = {form: model.prompt(messages(form(asked), history)) for form in forms}
            longest = max(map(len, tokens.values()))
            if longest + wanted <= model.context_tokens:
                drawn = [form.drawn(asked) for form in forms if isinstance(form, EvidenceTransform)]
                plain = tokens.get(with_evidence, [])
                read, tokens = of.read.shared(tokens)
                prompts = Prompts(tokens, read, wanted, plain, drawn)
                of.engine.check(prompts.length + len(tokens) * wanted)
                return prompts
        raise self._too_long(longest, wanted)

    def _shorter_and_shorter(self, excerpt: Excerpt) -> Iterator[tuple[Sequence[str], Sequence[ChatMessage]]]:
        """Yield what may stand beside the question: of the evidence less and less, or else of the history."""
        for number in range(self._most(excerpt), 0, -1):
            if sentences := excerpt(number):
                yield sentences, ()
        if not excerpt(1):
            yield from (((), history) for history in shortened(self._writing.conversation.history))

    def _too_long(self, tokens: int, wanted: int) -> InvalidInput:
        model = self._writing.model
        return InvalidInput(
            f"the prompt has {tokens} tokens; with {wanted} for the answer that is more than the "
            f"{model.context_tokens} that {model.name} reads; ask in fewer words or lower max_tokens",
            field="prompt",
            reason="PROMPT_TOO_LONG",
        )
